package vault

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strconv"

	"github.com/strongroom-dev/strongroom/internal/fault"
)

// tools are the paths of what needs no secrets.
// (https://developer.hashicorp.com/vault/api-docs/system/tools)
func tools() []route {
	return []route{
		{path: "tools/random", write: randomBytes},
		{path: "tools/random/{bytes}", write: randomBytes},
		{path: "tools/random/{source}/{bytes}", write: randomBytes},
		{path: "tools/hash", write: hashInput},
		{path: "tools/hash/{algorithm}", write: hashInput},
	}
}

// maxRandom is how many random bytes are given at most.
const maxRandom = 128 << 10

func randomBytes(q *request) (*response, error) {
	f := &q.fields
	n, given := f.whole("bytes")
	if last := q.vars[1]; last != "" {
		q.vars[0] = last
	}
	if text := q.vars[0]; text != "" && text != "platform" && text != "seal" && text != "all" {
		parsed, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, q.reject(fault.New(fault.Invalid, "error parsing url-set byte count: not a number"))
		}
		n, given = parsed, true
	}
	if !given {
		n = 32
	}
	f.text("source")
	format := f.text("format")
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	if n < 1 || n > maxRandom {
		return nil, q.reject(fault.New(fault.Invalid, "\"bytes\" should be between 1 and %d", maxRandom))
	}
	encode, err := encoding(format, "base64")
	if err != nil {
		return nil, q.reject(err)
	}
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return q.used(&response{data: m{"random_bytes": encode(b)}})
}

// encoding is how bytes are written: hex or base64.
func encoding(format, otherwise string) (func([]byte) string, error) {
	if format == "" {
		format = otherwise
	}
	switch format {
	case "hex":
		return hex.EncodeToString, nil
	case "base64":
		return base64.StdEncoding.EncodeToString, nil
	}
	return nil, fault.New(fault.Invalid, "unsupported encoding format %q; must be \"hex\" or \"base64\"", format)
}

var hashes = map[string]func() hash.Hash{
	"sha2-224": sha256.New224, "sha2-256": sha256.New, "sha2-384": sha512.New384, "sha2-512": sha512.New,
	"sha3-224": func() hash.Hash { return sha3.New224() }, "sha3-256": func() hash.Hash { return sha3.New256() },
	"sha3-384": func() hash.Hash { return sha3.New384() }, "sha3-512": func() hash.Hash { return sha3.New512() },
}

func hashInput(q *request) (*response, error) {
	f := &q.fields
	algorithm := q.vars[0]
	if algorithm == "" {
		algorithm = f.text("algorithm")
	}
	if algorithm == "" {
		algorithm = "sha2-256"
	}
	input, err := base64.StdEncoding.DecodeString(f.text("input"))
	if err != nil {
		return nil, q.reject(fault.New(fault.Invalid, "unable to decode input as base64"))
	}
	encode, err := encoding(f.text("format"), "hex")
	if err != nil {
		return nil, q.reject(err)
	}
	make := hashes[algorithm]
	if make == nil {
		return nil, q.reject(fault.New(fault.Invalid, "unsupported algorithm %s", algorithm))
	}
	sum := make()
	_, _ = sum.Write(input)
	return q.used(&response{data: m{"sum": encode(sum.Sum(nil))}})
}
