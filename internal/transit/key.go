// Package transit keeps keys that never leave, and does with them what programs
// ask for: encryption as a service.
// (https://developer.hashicorp.com/vault/docs/secrets/transit)
//
// It reaches data only through the gate, and must not know the wire.
package transit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Type is a type of keys.
type Type string

// The types.
const (
	AES128   Type = "aes128-gcm96"
	AES256   Type = "aes256-gcm96"
	ChaCha20 Type = "chacha20-poly1305"
	Ed25519  Type = "ed25519"
	P256     Type = "ecdsa-p256"
	P384     Type = "ecdsa-p384"
	P521     Type = "ecdsa-p521"
	RSA2048  Type = "rsa-2048"
	RSA3072  Type = "rsa-3072"
	RSA4096  Type = "rsa-4096"
	HMAC     Type = "hmac"
)

var symmetric = map[Type]int{AES128: 16, AES256: 32, ChaCha20: 32}

var curves = map[Type]elliptic.Curve{P256: elliptic.P256(), P384: elliptic.P384(), P521: elliptic.P521()}

var moduli = map[Type]int{RSA2048: 2048, RSA3072: 3072, RSA4096: 4096}

// Encrypts reports whether keys of the type encrypt and decrypt.
func (t Type) Encrypts() bool { return symmetric[t] > 0 || moduli[t] > 0 }

// Signs reports whether keys of the type sign and verify.
func (t Type) Signs() bool { return t == Ed25519 || curves[t] != nil || moduli[t] > 0 }

// Derives reports whether keys can be derived from one of the type.
func (t Type) Derives() bool { return symmetric[t] > 0 }

// Key is a named key with its versions.
type Key struct {
	Name        string    `cbor:"1,keyasint"`
	Type        Type      `cbor:"2,keyasint"`
	Versions    []Version `cbor:"3,keyasint"` // by number
	Latest      int       `cbor:"4,keyasint"`
	MinDecrypt  int       `cbor:"5,keyasint"`
	MinEncrypt  int       `cbor:"6,keyasint,omitempty"` // zero for the latest alone
	MinKept     int       `cbor:"7,keyasint,omitempty"` // versions before it are gone
	Derived     bool      `cbor:"8,keyasint,omitempty"`
	Convergent  bool      `cbor:"9,keyasint,omitempty"`
	Exportable  bool      `cbor:"10,keyasint,omitempty"`
	BackupPlain bool      `cbor:"11,keyasint,omitempty"`
	Deletable   bool      `cbor:"12,keyasint,omitempty"`
	AutoRotate  int64     `cbor:"13,keyasint,omitempty"` // seconds
	Size        int       `cbor:"14,keyasint,omitempty"` // of an HMAC key, in bytes
}

// Version is one version of a key.
type Version struct {
	Number  int            `cbor:"1,keyasint"`
	Created secret.Instant `cbor:"2,keyasint"`
	Secret  []byte         `cbor:"3,keyasint"`           // the key, or PKCS #8 of a private key
	MAC     []byte         `cbor:"4,keyasint"`           // for HMACs
	Public  []byte         `cbor:"5,keyasint,omitempty"` // PKIX of the public key
}

// wipe clears the open keys.
func (k *Key) wipe() {
	for i := range k.Versions {
		clear(k.Versions[i].Secret)
		clear(k.Versions[i].MAC)
	}
}

// version is the version of a number; nil if there is none.
func (k *Key) version(n int) *Version {
	i := slices.IndexFunc(k.Versions, func(v Version) bool { return v.Number == n })
	if i < 0 {
		return nil
	}
	return &k.Versions[i]
}

// rotate adds a version.
func (k *Key) rotate(now secret.Instant) error {
	v := Version{Number: k.Latest + 1, Created: now, MAC: make([]byte, 32)}
	_, _ = rand.Read(v.MAC)
	if err := v.generate(k); err != nil {
		return err
	}
	k.Versions, k.Latest = append(k.Versions, v), v.Number
	return nil
}

func (v *Version) generate(k *Key) error {
	if n := symmetric[k.Type]; n > 0 || k.Type == HMAC {
		if k.Type == HMAC {
			n = k.Size
		}
		v.Secret = make([]byte, n)
		_, _ = rand.Read(v.Secret)
		return nil
	}
	private, err := generate(k.Type)
	if err != nil {
		return err
	}
	if v.Secret, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return err
	}
	v.Public, err = x509.MarshalPKIXPublicKey(private.Public())
	return err
}

func generate(t Type) (crypto.Signer, error) {
	if t == Ed25519 {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	if c := curves[t]; c != nil {
		return ecdsa.GenerateKey(c, rand.Reader)
	}
	if n := moduli[t]; n > 0 {
		return rsa.GenerateKey(rand.Reader, n)
	}
	return nil, fault.New(fault.Invalid, "unknown key type %q", t)
}

func (v *Version) private() (crypto.Signer, error) {
	k, err := x509.ParsePKCS8PrivateKey(v.Secret)
	if err != nil {
		return nil, err
	}
	return k.(crypto.Signer), nil
}

// PublicText is the public key as it is shown: raw in base64 for Ed25519, PEM
// for the others.
func (k *Key) PublicText(v *Version) string {
	if v.Public == nil {
		return ""
	}
	if k.Type == Ed25519 {
		if public, err := x509.ParsePKIXPublicKey(v.Public); err == nil {
			return base64.StdEncoding.EncodeToString(public.(ed25519.PublicKey))
		}
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: v.Public}))
}

// TypeName is the name of a version's kind of key, as it is shown.
func (k *Key) TypeName() string {
	if name, ok := map[Type]string{P256: "P-256", P384: "P-384", P521: "P-521"}[k.Type]; ok {
		return name
	}
	return string(k.Type)
}

// exported is a version's key as it leaves, where that is allowed.
func (k *Key) exported(v *Version, what string) (string, error) {
	switch what {
	case "hmac-key":
		if k.Type == HMAC {
			return base64.StdEncoding.EncodeToString(v.Secret), nil
		}
		return base64.StdEncoding.EncodeToString(v.MAC), nil
	case "public-key":
		if v.Public == nil {
			return "", fault.New(fault.Invalid, "unknown key type %s for export type %s", k.Type, what)
		}
		return k.PublicText(v), nil
	case "encryption-key":
		if !k.Type.Encrypts() {
			return "", fault.New(fault.Invalid, "unknown key type %s for export type %s", k.Type, what)
		}
	case "signing-key":
		if !k.Type.Signs() {
			return "", fault.New(fault.Invalid, "unknown key type %s for export type %s", k.Type, what)
		}
	default:
		return "", fault.New(fault.Invalid, "invalid export type: %s", what)
	}
	if symmetric[k.Type] > 0 {
		return base64.StdEncoding.EncodeToString(v.Secret), nil
	}
	private, err := v.private()
	if err != nil {
		return "", err
	}
	switch p := private.(type) {
	case ed25519.PrivateKey:
		return base64.StdEncoding.EncodeToString(p), nil
	case *rsa.PrivateKey:
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(p)})), nil
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(p)
		return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})), err
	}
	return "", fmt.Errorf("transit: a key of %T", private)
}
