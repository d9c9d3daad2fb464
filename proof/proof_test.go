package proof_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/strongroom-dev/strongroom/proof"
)

// made is a log of ten records, and the proof of the fourth.
func made(t *testing.T) (text, record []byte, publicKey string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i := range int64(10) {
		hashes, err := tlog.StoredHashes(i, fmt.Append(nil, "record ", i), reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(10, reader)
	if err != nil {
		t.Fatal(err)
	}
	path, err := tlog.ProveRecord(10, 4, reader)
	if err != nil {
		t.Fatal(err)
	}
	cp, err := note.Sign(&note.Note{Text: fmt.Sprintf("log.example\n10\n%s\n", base64.StdEncoding.EncodeToString(root[:]))}, signer)
	if err != nil {
		t.Fatal(err)
	}
	p := proof.Proof{Index: 4, Hashes: path, Checkpoint: cp}
	return p.Format(), []byte("record 4"), vkey
}

func TestVerify(t *testing.T) {
	text, record, key := made(t)
	if index, err := proof.Verify(text, record, key+"\n"); err != nil || index != 4 {
		t.Fatal(index, err)
	}
	_, _, otherKey := made(t)
	for name, test := range map[string]struct {
		text, record []byte
		key          string
	}{
		"another record": {text, []byte("record 5"), key},
		"another place":  {[]byte(strings.Replace(string(text), "index 4", "index 5", 1)), record, key},
		"another size":   {[]byte(strings.Replace(string(text), "\n10\n", "\n11\n", 1)), record, key},
		"another key":    {text, record, otherKey},
		"a hash less":    {[]byte(strings.Replace(string(text), strings.Split(string(text), "\n")[2]+"\n", "", 1)), record, key},
		"nothing":        {nil, record, key},
		"no checkpoint":  {[]byte(strings.SplitN(string(text), "\n\n", 2)[0] + "\n\n"), record, key},
	} {
		if _, err := proof.Verify(test.text, test.record, test.key); !errors.Is(err, proof.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 4\n\nx"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := proof.Parse(text)
		if err != nil {
			return
		}
		again, err := proof.Parse(p.Format())
		if err != nil || again.Index != p.Index || len(again.Hashes) != len(p.Hashes) {
			t.Errorf("%q came back as %q", text, p.Format())
		}
	})
}
