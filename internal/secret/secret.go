// Package secret holds the nouns: secrets, versions, labels, the ways to refer
// to them, and the verbs that may be done to them, with the rules by which
// labels move.
//
// It imports nothing of ours and knows neither storage nor protocols. An open
// value never appears in it.
package secret

import (
	"slices"
	"time"
)

// Instant is a time in milliseconds since 1970 UTC; zero means never.
type Instant int64

// InstantOf cuts t to the millisecond.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMilli()) }

// Time is the instant in UTC. Ask IsZero first: the zero Instant means never.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// IsZero reports whether the instant means never.
func (i Instant) IsZero() bool { return i == 0 }

// Day is midnight UTC of the instant's day.
func (i Instant) Day() Instant { return i - i%(24*60*60*1000) }

// Form says how a value was given, and so how it is given back.
type Form uint8

// The forms.
const (
	NoValue Form = iota // the version waits for its value
	Text                // any text (AWS SecretString)
	Binary              // any bytes (AWS SecretBinary)
)

// Tag is a key and a value that a user attached.
type Tag struct {
	Key   string `cbor:"1,keyasint"`
	Value string `cbor:"2,keyasint,omitempty"`
}

// Version is one immutable value of a secret, without the value.
type Version struct {
	Number   uint64   `cbor:"1,keyasint"` // 1, 2, 3…: never used twice in a secret
	ID       string   `cbor:"2,keyasint"` // 32 to 64 characters
	Labels   []string `cbor:"3,keyasint,omitempty"`
	Created  Instant  `cbor:"4,keyasint"`
	Accessed Instant  `cbor:"5,keyasint,omitempty"` // midnight of the day of the last read
	Form     Form     `cbor:"6,keyasint,omitempty"`
	// Deleted is when the version stops showing its value, which may be to
	// come; it can be taken back until the version is destroyed.
	Deleted Instant `cbor:"7,keyasint,omitempty"`
	// Destroyed: its value is gone for good, and so is its form.
	Destroyed bool `cbor:"8,keyasint,omitempty"`
}

// Shows reports whether the version shows its value.
func (v *Version) Shows(now Instant) bool {
	return v.Form != NoValue && (v.Deleted.IsZero() || now < v.Deleted)
}

// Has reports whether the version carries the label.
func (v *Version) Has(label string) bool { return slices.Contains(v.Labels, label) }

// Secret is a named thing with its versions. A *Secret that came from the
// store may be shared by many readers: Clone it before changing it.
type Secret struct {
	Name        string    `cbor:"1,keyasint"`
	Suffix      string    `cbor:"2,keyasint"`
	Description string    `cbor:"3,keyasint,omitempty"`
	KeyID       string    `cbor:"4,keyasint,omitempty"` // KmsKeyId as given; empty for the default key
	Type        string    `cbor:"5,keyasint,omitempty"`
	Tags        []Tag     `cbor:"6,keyasint,omitempty"`
	Tagged      bool      `cbor:"7,keyasint,omitempty"` // ever had a tag: AWS then shows an empty list
	Created     Instant   `cbor:"8,keyasint"`
	Changed     Instant   `cbor:"9,keyasint"`
	Accessed    Instant   `cbor:"10,keyasint,omitempty"`
	Deleted     Instant   `cbor:"11,keyasint,omitempty"` // when it was marked for deletion
	PurgeAt     Instant   `cbor:"12,keyasint,omitempty"` // when its recovery window ends
	Versions    []Version `cbor:"13,keyasint,omitempty"` // by number
	LastNumber  uint64    `cbor:"14,keyasint,omitempty"`

	// Policy is the secret's own policy, an IAM document; empty for none.
	Policy string `cbor:"15,keyasint,omitempty"`
	// PolicyNames are the unique IDs of the users and roles that it names, by
	// their ARNs, as they were when it was written. The map is never changed.
	PolicyNames map[string]string `cbor:"16,keyasint,omitempty"`

	// Replicas are the copies in other regions, and Primary, of a copy, the
	// region of what it is a copy of.
	Replicas []Replica `cbor:"18,keyasint,omitempty"`
	Primary  string    `cbor:"19,keyasint,omitempty"`

	// Keeping is how Vault's protocol was told to keep versions; nil for what
	// is usual. It is never changed in place.
	Keeping *Keeping `cbor:"20,keyasint,omitempty"`

	// Rotation is nil until it is asked for. EditRotation changes it.
	Rotation *Rotation `cbor:"17,keyasint,omitempty"`
}

// Clone copies s so deeply that the copy may be changed.
func (s *Secret) Clone() *Secret {
	c := *s
	c.Tags = slices.Clone(s.Tags)
	c.Versions = slices.Clone(s.Versions)
	c.Replicas = slices.Clone(s.Replicas)
	for i := range c.Versions {
		c.Versions[i].Labels = slices.Clone(c.Versions[i].Labels)
	}
	return &c
}

// IsDeleted reports whether s is marked for deletion.
func (s *Secret) IsDeleted() bool { return !s.Deleted.IsZero() }

// ByID is the version of that ID, nil if there is none.
func (s *Secret) ByID(id string) *Version {
	for i := range s.Versions {
		if s.Versions[i].ID == id {
			return &s.Versions[i]
		}
	}
	return nil
}

// ByNumber is the version of that number, nil if there is none.
func (s *Secret) ByNumber(n uint64) *Version {
	for i := range s.Versions {
		if s.Versions[i].Number == n {
			return &s.Versions[i]
		}
	}
	return nil
}

// At is the version that carries the label, nil if none does.
func (s *Secret) At(label string) *Version {
	for i := range s.Versions {
		if s.Versions[i].Has(label) {
			return &s.Versions[i]
		}
	}
	return nil
}

// SetTags adds the tags, replacing those of the same keys.
func (s *Secret) SetTags(tags []Tag) {
	for _, t := range tags {
		if i := slices.IndexFunc(s.Tags, func(u Tag) bool { return u.Key == t.Key }); i >= 0 {
			s.Tags[i] = t
		} else {
			s.Tags = append(s.Tags, t)
		}
		s.Tagged = true
	}
}

// AmbiguousTag is a key that differs from another one's in its case alone, for
// which sameKey is asked: conditions of policies could not tell them apart.
func (s *Secret) AmbiguousTag(sameKey func(a, b string) bool) (key string, found bool) {
	for i, t := range s.Tags {
		for _, u := range s.Tags[:i] {
			if sameKey(t.Key, u.Key) {
				return t.Key, true
			}
		}
	}
	return "", false
}

// RemoveTags removes the tags of those keys; keys that are not there are no
// error.
func (s *Secret) RemoveTags(keys []string) {
	s.Tags = slices.DeleteFunc(s.Tags, func(t Tag) bool { return slices.Contains(keys, t.Key) })
}
