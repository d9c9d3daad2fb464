package transit

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	_ "crypto/sha3"   // hashes that may be asked for
	_ "crypto/sha512" // by their names

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/strongroom-dev/strongroom/internal/fault"
)

// prefix begins what is made with a version: "vault:v3:".
func prefix(n int) string { return "vault:v" + strconv.Itoa(n) + ":" }

// split reads what was made with a version.
func split(text string) (n int, rest string, err error) {
	tail, ok := strings.CutPrefix(text, "vault:v")
	number, rest, found := strings.Cut(tail, ":")
	n, bad := strconv.Atoi(number)
	if !ok || !found || bad != nil || n < 1 {
		return 0, "", fault.New(fault.Invalid, "invalid ciphertext: no prefix")
	}
	return n, rest, nil
}

// aead is the cipher of a version, derived for a context if the key wants it.
func (k *Key) aead(v *Version, context []byte) (cipher.AEAD, error) {
	key := v.Secret
	if k.Derived {
		if len(context) == 0 {
			return nil, fault.New(fault.Invalid, "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key")
		}
		var err error
		if key, err = hkdf.Key(sha256.New, v.Secret, nil, string(context), len(v.Secret)); err != nil {
			return nil, err
		}
		defer clear(key)
	}
	if k.Type == ChaCha20 {
		return chacha20poly1305.New(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// encryptVersion is the version that encrypts: the one asked for, or the latest.
func (k *Key) encryptVersion(n int) (*Version, error) {
	if n == 0 {
		n = k.Latest
	}
	least := k.MinEncrypt
	switch {
	case n < 0:
		return nil, fault.New(fault.Invalid, "requested version for encryption is negative")
	case n > k.Latest:
		return nil, fault.New(fault.Invalid, "requested version for encryption is higher than the latest key version")
	case n < least || n < k.MinKept:
		return nil, fault.New(fault.Invalid, "requested version for encryption is less than the minimum encryption key version")
	}
	v := k.version(n)
	if v == nil {
		return nil, fault.New(fault.Invalid, "there is no version %d of the key", n)
	}
	return v, nil
}

// decryptVersion is a version that may decrypt.
func (k *Key) decryptVersion(n int) (*Version, error) {
	if n < k.MinDecrypt {
		return nil, fault.New(fault.Invalid, "ciphertext or signature version is disallowed by policy (too old)")
	}
	v := k.version(n)
	if v == nil {
		return nil, fault.New(fault.Invalid, "invalid ciphertext: version is too new")
	}
	return v, nil
}

// encrypt encrypts.
func (k *Key) encrypt(plaintext, context, associated []byte, number int) (string, int, error) {
	if !k.Type.Encrypts() {
		return "", 0, fault.New(fault.Invalid, "message encryption not supported for key type %s", k.Type)
	}
	v, err := k.encryptVersion(number)
	if err != nil {
		return "", 0, err
	}
	if moduli[k.Type] > 0 {
		private, err := v.private()
		if err != nil {
			return "", 0, err
		}
		sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, private.Public().(*rsa.PublicKey), plaintext, associated)
		if err != nil {
			return "", 0, fault.Wrap(fault.Invalid, err, "the plaintext is too long for the key")
		}
		return prefix(v.Number) + base64.StdEncoding.EncodeToString(sealed), v.Number, nil
	}
	a, err := k.aead(v, context)
	if err != nil {
		return "", 0, err
	}
	nonce := make([]byte, a.NonceSize(), a.NonceSize()+len(plaintext)+a.Overhead())
	if k.Convergent {
		if err := k.convergentNonce(nonce, v, plaintext, context, associated); err != nil {
			return "", 0, err
		}
	} else {
		_, _ = rand.Read(nonce)
	}
	return prefix(v.Number) + base64.StdEncoding.EncodeToString(a.Seal(nonce, nonce, plaintext, associated)), v.Number, nil
}

// convergentNonce is the same whenever the same is encrypted: a MAC, under a key
// of its own, of all that goes in.
func (k *Key) convergentNonce(nonce []byte, v *Version, plaintext, context, associated []byte) error {
	key, err := hkdf.Key(sha256.New, v.Secret, nil, "convergent nonce\x00"+string(context), 32)
	if err != nil {
		return err
	}
	defer clear(key)
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%d.", len(associated))
	_, _ = mac.Write(associated)
	_, _ = mac.Write(plaintext)
	copy(nonce, mac.Sum(nil))
	return nil
}

// decrypt undoes encrypt.
func (k *Key) decrypt(text string, context, associated []byte) ([]byte, error) {
	if !k.Type.Encrypts() {
		return nil, fault.New(fault.Invalid, "message decryption not supported for key type %s", k.Type)
	}
	n, rest, err := split(text)
	if err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid ciphertext: could not decode base64")
	}
	v, err := k.decryptVersion(n)
	if err != nil {
		return nil, err
	}
	if moduli[k.Type] > 0 {
		private, err := v.private()
		if err != nil {
			return nil, err
		}
		out, err := rsa.DecryptOAEP(sha256.New(), nil, private.(*rsa.PrivateKey), sealed, associated)
		if err != nil {
			return nil, errCipher()
		}
		return out, nil
	}
	a, err := k.aead(v, context)
	if err != nil {
		return nil, err
	}
	if len(sealed) < a.NonceSize()+a.Overhead() {
		return nil, fault.New(fault.Invalid, "invalid ciphertext length")
	}
	out, err := a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], associated)
	if err != nil {
		return nil, errCipher()
	}
	return out, nil
}

func errCipher() error {
	return fault.New(fault.Invalid, "invalid ciphertext: unable to decrypt: cipher: message authentication failed")
}

// hashes are those that can be asked for.
var hashes = map[string]crypto.Hash{
	"": crypto.SHA256, "sha1": crypto.SHA1, "sha2-224": crypto.SHA224, "sha2-256": crypto.SHA256, "sha2-384": crypto.SHA384, "sha2-512": crypto.SHA512,
	"sha3-224": crypto.SHA3_224, "sha3-256": crypto.SHA3_256, "sha3-384": crypto.SHA3_384, "sha3-512": crypto.SHA3_512,
}

// Signing says how something is signed.
type Signing struct {
	Hash      string // sha2-256 if empty
	Prehashed bool
	Scheme    string // of RSA: pss (if empty) or pkcs1v15
	Salt      string // of PSS: auto (if empty), hash, or a number of bytes
	JWS       bool   // of ECDSA: r and s one behind the other, in URL's base64
}

func (s *Signing) digest(input []byte) (crypto.Hash, []byte, error) {
	h, ok := hashes[s.Hash]
	if !ok || !h.Available() {
		return 0, nil, fault.New(fault.Invalid, "invalid hash algorithm %q", s.Hash)
	}
	if s.Prehashed {
		if len(input) != h.Size() {
			return 0, nil, fault.New(fault.Invalid, "the input is not as long as a hash of %s", s.Hash)
		}
		return h, input, nil
	}
	sum := h.New()
	_, _ = sum.Write(input)
	return h, sum.Sum(nil), nil
}

func (s *Signing) pss(h crypto.Hash) (*rsa.PSSOptions, error) {
	o := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: h}
	switch s.Salt {
	case "", "auto":
	case "hash":
		o.SaltLength = rsa.PSSSaltLengthEqualsHash
	default:
		n, err := strconv.Atoi(s.Salt)
		if err != nil || n < 1 || n > 512 {
			return nil, fault.New(fault.Invalid, "invalid salt length %q", s.Salt)
		}
		o.SaltLength = n
	}
	return o, nil
}

// sign signs.
func (k *Key) sign(input []byte, s *Signing, number int) (string, int, error) {
	if !k.Type.Signs() {
		return "", 0, fault.New(fault.Invalid, "key type %s does not support signing", k.Type)
	}
	v, err := k.encryptVersion(number)
	if err != nil {
		return "", 0, err
	}
	private, err := v.private()
	if err != nil {
		return "", 0, err
	}
	if p, ok := private.(ed25519.PrivateKey); ok {
		if s.Prehashed {
			return "", 0, fault.New(fault.Invalid, "only Pure Ed25519 signatures supported, prehashed must be false")
		}
		return prefix(v.Number) + base64.StdEncoding.EncodeToString(ed25519.Sign(p, input)), v.Number, nil
	}
	h, sum, err := s.digest(input)
	if err != nil {
		return "", 0, err
	}
	var options crypto.SignerOpts = h
	if moduli[k.Type] > 0 && s.Scheme != "pkcs1v15" {
		if options, err = s.pss(h); err != nil {
			return "", 0, err
		}
	}
	signature, err := private.Sign(rand.Reader, sum, options)
	if err != nil {
		return "", 0, fault.Wrap(fault.Invalid, err, "the input cannot be signed with this key and algorithm")
	}
	if s.JWS && curves[k.Type] != nil {
		raw, err := fromASN1(signature, (curves[k.Type].Params().BitSize+7)/8)
		return prefix(v.Number) + base64.RawURLEncoding.EncodeToString(raw), v.Number, err
	}
	return prefix(v.Number) + base64.StdEncoding.EncodeToString(signature), v.Number, nil
}

type pair struct{ R, S *big.Int }

func fromASN1(der []byte, size int) ([]byte, error) {
	var p pair
	if rest, err := asn1.Unmarshal(der, &p); err != nil || len(rest) > 0 {
		return nil, errors.New("transit: not a signature")
	}
	out := make([]byte, 2*size)
	p.R.FillBytes(out[:size])
	p.S.FillBytes(out[size:])
	return out, nil
}

// verify checks a signature.
func (k *Key) verify(input []byte, text string, s *Signing) (bool, error) {
	if !k.Type.Signs() {
		return false, fault.New(fault.Invalid, "key type %s does not support verification", k.Type)
	}
	n, rest, err := split(text)
	if err != nil {
		return false, fault.New(fault.Invalid, "invalid signature: no prefix")
	}
	v, err := k.decryptVersion(n)
	if err != nil {
		return false, err
	}
	encoding := base64.StdEncoding
	if s.JWS && curves[k.Type] != nil {
		encoding = base64.RawURLEncoding
	}
	signature, err := encoding.DecodeString(rest)
	if err != nil {
		return false, fault.New(fault.Invalid, "invalid base64 signature value")
	}
	public, err := x509.ParsePKIXPublicKey(v.Public)
	if err != nil {
		return false, err
	}
	if p, ok := public.(ed25519.PublicKey); ok {
		return ed25519.Verify(p, input, signature), nil
	}
	h, sum, err := s.digest(input)
	if err != nil {
		return false, err
	}
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		if s.JWS {
			size := (p.Params().BitSize + 7) / 8
			if len(signature) != 2*size {
				return false, nil
			}
			return ecdsa.Verify(p, sum, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])), nil
		}
		return ecdsa.VerifyASN1(p, sum, signature), nil
	case *rsa.PublicKey:
		if s.Scheme == "pkcs1v15" {
			return rsa.VerifyPKCS1v15(p, h, sum, signature) == nil, nil
		}
		o, err := s.pss(h)
		return err == nil && rsa.VerifyPSS(p, h, sum, signature, o) == nil, err
	}
	return false, fmt.Errorf("transit: a key of %T", public)
}

// mac makes a keyed hash.
func (k *Key) mac(input []byte, algorithm string, number int) (string, error) {
	v, err := k.encryptVersion(number)
	if err != nil {
		return "", err
	}
	sum, err := k.macOf(v, input, algorithm)
	return prefix(v.Number) + base64.StdEncoding.EncodeToString(sum), err
}

func (k *Key) macOf(v *Version, input []byte, algorithm string) ([]byte, error) {
	h, ok := hashes[algorithm]
	if !ok || !h.Available() {
		return nil, fault.New(fault.Invalid, "unsupported algorithm %q", algorithm)
	}
	key := v.MAC
	if k.Type == HMAC {
		key = v.Secret
	}
	mac := hmac.New(h.New, key)
	_, _ = mac.Write(input)
	return mac.Sum(nil), nil
}

// verifyMAC checks a keyed hash.
func (k *Key) verifyMAC(input []byte, text, algorithm string) (bool, error) {
	n, rest, err := split(text)
	if err != nil {
		return false, fault.New(fault.Invalid, "invalid HMAC to verify: no prefix")
	}
	v, err := k.decryptVersion(n)
	if err != nil {
		return false, err
	}
	given, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return false, fault.New(fault.Invalid, "unable to decode verification string as base64")
	}
	sum, err := k.macOf(v, input, algorithm)
	return err == nil && hmac.Equal(sum, given) && !bytes.Equal(sum, nil), err
}
