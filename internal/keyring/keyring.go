// Package keyring seals what goes into the store: each entry under a data key
// of its own, which is wrapped by the ring's active key and bound to the
// entry's name. The ring itself is wrapped by the root key.
//
// It must not know what an entry holds, nor how the root key is kept.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fxamacker/cbor/v2"

	"github.com/strongroom-dev/strongroom/internal/plain"
)

// KeyLen is the length of every key here: AES-256.
const KeyLen = 32

// The layout of a sealed entry: format, number of the ring's key, nonce and
// wrapped data key, nonce and sealed value. Everything before the sealed value
// is random or bound by it, so that two sealed entries never begin alike.
const (
	format    = 1
	nonceLen  = 12
	tagLen    = 16
	atKey     = 1
	atWrapped = atKey + 4
	atNonce   = atWrapped + nonceLen + KeyLen + tagLen
	// HeadLen is the length of the part before the sealed value.
	HeadLen = atNonce + nonceLen
	// Overhead is how much longer a sealed entry is than its value.
	Overhead = HeadLen + tagLen
)

var (
	// ErrDamaged says that an entry is not what was sealed under its name:
	// damaged, moved from elsewhere, or sealed by another ring.
	ErrDamaged = errors.New("keyring: the entry is damaged")
	// ErrWrongKey says that a root key does not open the ring.
	ErrWrongKey = errors.New("keyring: the root key does not open this store")
)

// Ring holds the keys. It is safe for concurrent use.
type Ring struct {
	state atomic.Pointer[state]
	write sync.Mutex
}

// state is immutable once it is in use.
type state struct {
	saved   saved
	ciphers map[uint32]cipher.AEAD
	macs    sync.Pool // of *hasher
}

// saved is the ring as it is kept, sealed.
type saved struct {
	Active uint32     `cbor:"1,keyasint"`
	Keys   []savedKey `cbor:"2,keyasint"`
	MAC    []byte     `cbor:"3,keyasint"` // for keyed hashes; never changes
}

type savedKey struct {
	Number  uint32 `cbor:"1,keyasint"`
	Key     []byte `cbor:"2,keyasint"`
	Created int64  `cbor:"3,keyasint"` // milliseconds since 1970
}

// Generate makes a ring with one key.
func Generate(now int64) *Ring {
	r := &Ring{}
	r.set(saved{Active: 1, Keys: []savedKey{{Number: 1, Key: random(KeyLen), Created: now}}, MAC: random(KeyLen)})
	return r
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return b
}

func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has another length than ours
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func (r *Ring) set(s saved) {
	st := &state{saved: s, ciphers: map[uint32]cipher.AEAD{}}
	for _, k := range s.Keys {
		st.ciphers[k.Number] = newAEAD(k.Key)
	}
	r.state.Store(st)
}

// Rotated is a copy of the ring with a new active key; what the old keys
// sealed stays readable. Save it, then Adopt it.
func (r *Ring) Rotated(now int64) *Ring {
	s := r.state.Load().saved
	s.Active++
	s.Keys = append(slices.Clone(s.Keys), savedKey{Number: s.Active, Key: random(KeyLen), Created: now})
	next := &Ring{}
	next.set(s)
	return next
}

// Adopt makes r seal as next does.
func (r *Ring) Adopt(next *Ring) {
	r.write.Lock()
	defer r.write.Unlock()
	if s := next.state.Load(); s.saved.Active > r.state.Load().saved.Active {
		r.state.Store(s)
	}
}

// Active is the number of the key that seals now; the first is 1.
func (r *Ring) Active() uint32 { return r.state.Load().saved.Active }

// Since is when the key that seals now was made, in milliseconds since 1970.
func (r *Ring) Since() int64 {
	s := r.state.Load().saved
	for _, k := range s.Keys {
		if k.Number == s.Active {
			return k.Created
		}
	}
	return 0
}

// scratch is memory that one call uses and wipes.
type scratch struct {
	aad []byte
	dek [KeyLen + tagLen]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) release() {
	clear(s.dek[:])
	scratches.Put(s)
}

// bind is what an entry is bound to: its head up to the key number, and its
// name.
func (s *scratch) bind(head []byte, name string) []byte {
	s.aad = append(append(s.aad[:0], head[:atWrapped]...), name...)
	return s.aad
}

// Seal appends the sealed form of value, to be kept under that name.
func (r *Ring) Seal(dst []byte, name string, value []byte) []byte {
	st := r.state.Load()
	s := scratches.Get().(*scratch)
	defer s.release()

	start := len(dst)
	dst = slices.Grow(dst, len(value)+Overhead)[:start+HeadLen]
	head := dst[start:]
	head[0] = format
	binary.BigEndian.PutUint32(head[atKey:], st.saved.Active)
	_, _ = rand.Read(head[atWrapped : atWrapped+nonceLen])
	_, _ = rand.Read(head[atNonce:HeadLen])
	dek := s.dek[:KeyLen]
	_, _ = rand.Read(dek)
	aad := s.bind(head, name)
	data := newAEAD(dek)
	st.ciphers[st.saved.Active].Seal(head[atWrapped+nonceLen:atWrapped+nonceLen], head[atWrapped:atWrapped+nonceLen], dek, aad)
	return data.Seal(dst, head[atNonce:HeadLen], value, aad)
}

// Open appends the value that was sealed under that name. It fails with
// ErrDamaged.
func (r *Ring) Open(dst []byte, name string, sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != format {
		return dst, fmt.Errorf("%w: %q", ErrDamaged, name)
	}
	kek := r.state.Load().ciphers[binary.BigEndian.Uint32(sealed[atKey:])]
	if kek == nil {
		return dst, fmt.Errorf("%w: %q was sealed with a key that this ring does not hold", ErrDamaged, name)
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	aad := s.bind(sealed, name)
	dek, err := kek.Open(s.dek[:0], sealed[atWrapped:atWrapped+nonceLen], sealed[atWrapped+nonceLen:atNonce], aad)
	if err != nil {
		return dst, fmt.Errorf("%w: %q", ErrDamaged, name)
	}
	out, err := newAEAD(dek).Open(dst, sealed[atNonce:HeadLen], sealed[HeadLen:], aad)
	if err != nil {
		return dst, fmt.Errorf("%w: %q", ErrDamaged, name)
	}
	return out, nil
}

// MAC is a keyed hash for purposes that must not meet: equal data under one
// purpose hash alike for the life of the store, and nobody without the ring
// can try candidates.
func (r *Ring) MAC(purpose string, data []byte) (sum [sha256.Size]byte) {
	st := r.state.Load()
	h, _ := st.macs.Get().(*hasher)
	if h == nil {
		h = &hasher{Hash: hmac.New(sha256.New, st.saved.MAC)}
	}
	h.Reset()
	h.buf = append(append(h.buf[:0], purpose...), 0)
	h.Write(h.buf)
	h.Write(data)
	h.buf = h.Sum(h.buf[:0])
	copy(sum[:], h.buf)
	h.Write(zeros[:]) // over what the hash still holds of the data
	st.macs.Put(h)
	return sum
}

var zeros [sha256.BlockSize]byte

type hasher struct {
	hash.Hash
	buf []byte
}

const ringName = "keyring"

// Wrap seals the ring under the root key.
func (r *Ring) Wrap(root plain.Value) ([]byte, error) {
	if root.Len() != KeyLen {
		return nil, ErrWrongKey
	}
	text, err := cbor.Marshal(r.state.Load().saved)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	nonce := random(nonceLen)
	return newAEAD(root.Open()).Seal(append([]byte{format}, nonce...), nonce, text, []byte(ringName)), nil
}

// Unwrap opens a ring that Wrap sealed. It fails with ErrWrongKey.
func Unwrap(root plain.Value, wrapped []byte) (*Ring, error) {
	if root.Len() != KeyLen || len(wrapped) < 1+nonceLen+tagLen || wrapped[0] != format {
		return nil, ErrWrongKey
	}
	text, err := newAEAD(root.Open()).Open(nil, wrapped[1:1+nonceLen], wrapped[1+nonceLen:], []byte(ringName))
	if err != nil {
		return nil, ErrWrongKey
	}
	defer clear(text)
	var s saved
	if err := cbor.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	r := &Ring{}
	r.set(s)
	return r, nil
}
