package vault

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/jsontext"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/transit"
)

// transitRoutes are the paths of transit engines.
// (https://developer.hashicorp.com/vault/api-docs/secret/transit)
func transitRoutes() []route {
	all := []route{
		{path: "keys", list: listKeys},
		{path: "keys/{name}", read: readKey, write: createKey, remove: deleteKey, creates: true, differs: "key types: aes128-gcm96, aes256-gcm96, chacha20-poly1305, ed25519, ecdsa-p256, -p384 and -p521, rsa-2048, -3072 and -4096, hmac"},
		{path: "keys/{name}/config", write: configureKey},
		{path: "keys/{name}/rotate", write: rotateKey},
		{path: "keys/{name}/trim", write: trimKey},
		{path: "encrypt/{name}", write: encryptData, creates: true},
		{path: "decrypt/{name}", write: decryptData},
		{path: "rewrap/{name}", write: rewrapData},
		{path: "datakey/{kind}/{name}", write: dataKey, creates: true, differs: "the key must be there"},
		{path: "sign/{name}", write: signData},
		{path: "sign/{name}/{algorithm}", write: signData},
		{path: "verify/{name}", write: verifyData},
		{path: "verify/{name}/{algorithm}", write: verifyData},
		{path: "hmac/{name}", write: macData},
		{path: "hmac/{name}/{algorithm}", write: macData},
		{path: "export/{kind}/{name}", read: exportKey},
		{path: "export/{kind}/{name}/{version}", read: exportKey},
		{path: "backup/{name}", read: backupKey, differs: "a backup is read by this server alone"},
		{path: "restore", write: restoreKey},
		{path: "restore/{name}", write: restoreKey},
	}
	for _, r := range tools() {
		r.path = strings.TrimPrefix(r.path, "tools/")
		all = append(all, r)
	}
	return all
}

func (q *request) transitAt() transit.At {
	return transit.At{Account: q.account(), Mount: q.mount, Path: q.path}
}

func showKey(k *transit.Key) *response {
	versions := m{}
	for i := range k.Versions {
		v := &k.Versions[i]
		if k.Type.Signs() {
			versions[strconv.Itoa(v.Number)] = m{"certificate_chain": "", "creation_time": stamp(v.Created), "name": k.TypeName(), "public_key": k.PublicText(v)}
		} else {
			versions[strconv.Itoa(v.Number)] = int64(v.Created) / 1000
		}
	}
	out := m{
		"allow_plaintext_backup": k.BackupPlain, "auto_rotate_period": k.AutoRotate, "deletion_allowed": k.Deletable, "derived": k.Derived, "exportable": k.Exportable,
		"imported_key": false, "keys": versions, "latest_version": k.Latest, "min_available_version": k.MinKept, "min_decryption_version": k.MinDecrypt,
		"min_encryption_version": k.MinEncrypt, "name": k.Name, "supports_decryption": k.Type.Encrypts(), "supports_derivation": k.Type.Derives(),
		"supports_encryption": k.Type.Encrypts(), "supports_signing": k.Type.Signs(), "type": k.Type,
	}
	if k.Derived {
		out["kdf"], out["convergent_encryption"] = "hkdf_sha256", k.Convergent
	}
	return &response{data: out}
}

// keyAnswer answers with a key.
func keyAnswer(k *transit.Key, err error) (*response, error) {
	if err != nil {
		return nil, err
	}
	return showKey(k), nil
}

func listKeys(q *request) (*response, error) {
	names, err := q.door.cfg.Transit.ListKeys(q.ctx, q.who, q.transitAt())
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

func readKey(q *request) (*response, error) {
	return keyAnswer(q.door.cfg.Transit.Read(q.ctx, q.who, q.transitAt(), q.vars[0]))
}

func createKey(q *request) (*response, error) {
	f := &q.fields
	k := transit.Key{Name: q.vars[0], Type: transit.Type(f.text("type"))}
	k.Derived, _ = f.boolean("derived")
	k.Convergent, _ = f.boolean("convergent_encryption")
	k.Exportable, _ = f.boolean("exportable")
	k.BackupPlain, _ = f.boolean("allow_plaintext_backup")
	k.AutoRotate, _ = f.seconds("auto_rotate_period")
	size, _ := f.whole("key_size")
	k.Size = int(size)
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	return keyAnswer(q.door.cfg.Transit.CreateKey(q.ctx, q.who, q.transitAt(), k))
}

func deleteKey(q *request) (*response, error) {
	return nil, q.door.cfg.Transit.DeleteKey(q.ctx, q.who, q.transitAt(), q.vars[0])
}

func configureKey(q *request) (*response, error) {
	f := &q.fields
	var changes []func(*transit.Key)
	for name, of := range map[string]func(*transit.Key) *int{
		"min_decryption_version": func(k *transit.Key) *int { return &k.MinDecrypt }, "min_encryption_version": func(k *transit.Key) *int { return &k.MinEncrypt },
	} {
		if v, given := f.whole(name); given {
			changes = append(changes, func(k *transit.Key) { *of(k) = int(v) })
		}
	}
	for name, of := range map[string]func(*transit.Key) *bool{
		"deletion_allowed": func(k *transit.Key) *bool { return &k.Deletable }, "exportable": func(k *transit.Key) *bool { return &k.Exportable },
		"allow_plaintext_backup": func(k *transit.Key) *bool { return &k.BackupPlain },
	} {
		if v, given := f.boolean(name); given {
			changes = append(changes, func(k *transit.Key) { *of(k) = v })
		}
	}
	if v, given := f.seconds("auto_rotate_period"); given {
		changes = append(changes, func(k *transit.Key) { k.AutoRotate = v })
	}
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	return keyAnswer(q.door.cfg.Transit.Configure(q.ctx, q.who, q.transitAt(), q.vars[0], func(k *transit.Key) {
		for _, change := range changes {
			change(k)
		}
	}))
}

func rotateKey(q *request) (*response, error) {
	return keyAnswer(q.door.cfg.Transit.RotateKey(q.ctx, q.who, q.transitAt(), q.vars[0]))
}

func trimKey(q *request) (*response, error) {
	n, _ := q.fields.whole("min_available_version")
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	return keyAnswer(q.door.cfg.Transit.TrimKey(q.ctx, q.who, q.transitAt(), q.vars[0], int(n)))
}

// maxBatch bounds a batch.
const maxBatch = 10_000

// items reads what is to be worked on: the parts of batch_input, or the
// parameters themselves. input and text are the names of the members.
func (q *request) items(input, text string) (items []transit.Item, batch bool, err error) {
	raw := q.fields.raw("batch_input")
	if raw == nil {
		i, err := itemOf(&q.fields, input, text)
		return []transit.Item{i}, false, err
	}
	if raw[0] != '[' {
		return nil, true, fault.New(fault.Invalid, "failed to parse batch input: it is no list")
	}
	for e := range jsontext.Elements(raw) {
		f := &fields{}
		if e[0] != '{' {
			return nil, true, fault.New(fault.Invalid, "failed to parse batch input: a part is no object")
		}
		if err := f.read(opWrite, e); err != nil {
			return nil, true, err
		}
		i, err := itemOf(f, input, text)
		if err != nil {
			return nil, true, err
		}
		if items = append(items, i); len(items) > maxBatch {
			return nil, true, fault.New(fault.Invalid, "a batch has at most %d parts", maxBatch)
		}
	}
	if len(items) == 0 {
		return nil, true, fault.New(fault.Invalid, "missing batch input to process")
	}
	return items, true, nil
}

func itemOf(f *fields, input, text string) (i transit.Item, err error) {
	decode := func(name string) []byte {
		quoted := f.bytes(name)
		defer clear(quoted)
		out := make([]byte, base64.StdEncoding.DecodedLen(len(quoted)))
		n, bad := base64.StdEncoding.Decode(out, quoted)
		if bad != nil && err == nil {
			err = fault.New(fault.Invalid, "failed to base64-decode %s", name)
		}
		return out[:n]
	}
	if input != "" {
		if !f.has(input) {
			return i, fault.New(fault.Invalid, "missing '%s' to process", input)
		}
		i.Input = decode(input)
	}
	if text != "" {
		if i.Ciphertext = f.text(text); i.Ciphertext == "" {
			return i, fault.New(fault.Invalid, "missing %s", text)
		}
	}
	i.Context, i.Associated = decode("context"), decode("associated_data")
	n, _ := f.whole("key_version")
	i.Version = int(n)
	if err == nil {
		err = f.err()
	}
	return i, err
}

func wipeItems(items []transit.Item) {
	for i := range items {
		clear(items[i].Input)
	}
}

// batched answers for one or for many: of one an error is the answer's.
func batched(batch bool, results []transit.Result, show func(*transit.Result) m) (*response, error) {
	if !batch {
		if err := results[0].Err; err != nil {
			return nil, err
		}
		return &response{data: show(&results[0])}, nil
	}
	list, failed := []m{}, 0
	for i := range results {
		if err := results[i].Err; err != nil {
			failed++
			text := "internal error"
			if f, ok := err.(*fault.Error); ok && f.Code != fault.Internal {
				text = f.Message
			}
			list = append(list, m{"error": text})
			continue
		}
		list = append(list, show(&results[i]))
	}
	out := &response{data: m{"batch_results": list}}
	if failed > 0 {
		out.status = 400
	}
	return out, nil
}

func showCiphertext(r *transit.Result) m { return m{"ciphertext": r.Text, "key_version": r.Version} }

func encryptData(q *request) (*response, error) {
	items, batch, err := q.items("plaintext", "")
	if err != nil {
		return nil, q.reject(err)
	}
	defer wipeItems(items)
	kind := q.fields.text("type")
	convergent, _ := q.fields.boolean("convergent_encryption")
	encrypt := func() ([]transit.Result, error) {
		return q.door.cfg.Transit.EncryptData(q.ctx, q.who, q.transitAt(), q.vars[0], items)
	}
	results, err := encrypt()
	if errors.Is(err, transit.ErrNoKey) { // who may create a key there makes one by using it
		k := transit.Key{Name: q.vars[0], Type: transit.Type(kind), Derived: len(items[0].Context) > 0, Convergent: convergent}
		if _, err := q.door.cfg.Transit.CreateKey(q.ctx, q.who, q.transitAt(), k); err != nil {
			return nil, err
		}
		results, err = encrypt()
	}
	if err != nil {
		return nil, err
	}
	return batched(batch, results, showCiphertext)
}

func decryptData(q *request) (*response, error) {
	items, batch, err := q.items("", "ciphertext")
	if err != nil {
		return nil, q.reject(err)
	}
	results, err := q.door.cfg.Transit.DecryptData(q.ctx, q.who, q.transitAt(), q.vars[0], items)
	if err != nil {
		return nil, err
	}
	return batched(batch, results, func(r *transit.Result) m {
		defer clear(r.Plain)
		return m{"plaintext": base64.StdEncoding.EncodeToString(r.Plain)}
	})
}

func rewrapData(q *request) (*response, error) {
	items, batch, err := q.items("", "ciphertext")
	if err != nil {
		return nil, q.reject(err)
	}
	results, err := q.door.cfg.Transit.RewrapData(q.ctx, q.who, q.transitAt(), q.vars[0], items)
	if err != nil {
		return nil, err
	}
	return batched(batch, results, showCiphertext)
}

func dataKey(q *request) (*response, error) {
	kind, name := q.vars[0], q.vars[1]
	bits, given := q.fields.whole("bits")
	if !given {
		bits = 256
	}
	item, err := itemOf(&q.fields, "", "")
	switch {
	case err != nil:
		return nil, q.reject(err)
	case kind != "plaintext" && kind != "wrapped":
		return nil, q.reject(fault.New(fault.Invalid, "Invalid path, must be 'plaintext' or 'wrapped'"))
	case bits != 128 && bits != 256 && bits != 512:
		return nil, q.reject(fault.New(fault.Invalid, "invalid bit length"))
	}
	b := make([]byte, bits/8)
	_, _ = rand.Read(b)
	key := plain.New(b)
	defer key.Wipe()
	r, err := q.door.cfg.Transit.GenerateDataKey(q.ctx, q.who, q.transitAt(), name, key, item, kind == "plaintext")
	if err != nil {
		return nil, err
	}
	out := showCiphertext(&r)
	if kind == "plaintext" {
		out["plaintext"] = base64.StdEncoding.EncodeToString(r.Plain)
		clear(r.Plain)
	}
	return &response{data: out}, nil
}

// signing reads how something is signed.
func (q *request) signing() (transit.Signing, error) {
	f := &q.fields
	how := transit.Signing{Hash: f.text("hash_algorithm"), Scheme: f.text("signature_algorithm"), Salt: f.text("salt_length"), JWS: f.text("marshaling_algorithm") == "jws"}
	if old := f.text("algorithm"); how.Hash == "" && old != "" {
		how.Hash = old
	}
	if q.vars[1] != "" {
		how.Hash = q.vars[1]
	}
	how.Prehashed, _ = f.boolean("prehashed")
	return how, f.err()
}

func signData(q *request) (*response, error) {
	how, err := q.signing()
	items, batch, bad := q.items("input", "")
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, q.reject(err)
	}
	results, err := q.door.cfg.Transit.SignData(q.ctx, q.who, q.transitAt(), q.vars[0], how, items)
	if err != nil {
		return nil, err
	}
	return batched(batch, results, func(r *transit.Result) m { return m{"signature": r.Text, "key_version": r.Version} })
}

// verifyData checks signatures, or keyed hashes.
func verifyData(q *request) (*response, error) {
	how, err := q.signing()
	text := "signature"
	if q.fields.has("hmac") || strings.Contains(string(q.fields.raw("batch_input")), `"hmac"`) {
		text = "hmac"
	}
	items, batch, bad := q.items("input", text)
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, q.reject(err)
	}
	var results []transit.Result
	if text == "hmac" {
		results, err = q.door.cfg.Transit.VerifyMAC(q.ctx, q.who, q.transitAt(), q.vars[0], how.Hash, items)
	} else {
		results, err = q.door.cfg.Transit.VerifyData(q.ctx, q.who, q.transitAt(), q.vars[0], how, items)
	}
	if err != nil {
		return nil, err
	}
	return batched(batch, results, func(r *transit.Result) m { return m{"valid": r.Valid} })
}

func macData(q *request) (*response, error) {
	how, err := q.signing()
	items, batch, bad := q.items("input", "")
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, q.reject(err)
	}
	results, err := q.door.cfg.Transit.MACData(q.ctx, q.who, q.transitAt(), q.vars[0], how.Hash, items)
	if err != nil {
		return nil, err
	}
	return batched(batch, results, func(r *transit.Result) m { return m{"hmac": r.Text} })
}

func exportKey(q *request) (*response, error) {
	number := 0
	if text := q.vars[2]; text != "" && text != "latest" {
		n, err := strconv.Atoi(strings.TrimPrefix(text, "v"))
		if err != nil || n < 1 {
			return nil, q.reject(fault.New(fault.Invalid, "invalid key version"))
		}
		number = n
	}
	k, all, err := q.door.cfg.Transit.ExportKey(q.ctx, q.who, q.transitAt(), q.vars[1], q.vars[0], number)
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for n, text := range all {
		if q.vars[2] != "latest" || n == k.Latest {
			versions[strconv.Itoa(n)] = text
		}
	}
	return &response{data: m{"name": k.Name, "keys": versions, "type": k.Type}}, nil
}

func backupKey(q *request) (*response, error) {
	text, err := q.door.cfg.Transit.BackupKey(q.ctx, q.who, q.transitAt(), q.vars[0])
	if err != nil {
		return nil, err
	}
	return &response{data: m{"backup": text}}, nil
}

func restoreKey(q *request) (*response, error) {
	backup := q.fields.text("backup")
	force, _ := q.fields.boolean("force")
	name := q.vars[0]
	if name == "" {
		name = q.fields.text("name")
	}
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Transit.RestoreKey(q.ctx, q.who, q.transitAt(), name, backup, force)
}
