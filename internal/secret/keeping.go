package secret

// Keeping says how the versions of a secret, or of all secrets of a space, are
// kept; zero members leave what is usual.
type Keeping struct {
	MaxVersions int64 `cbor:"1,keyasint,omitempty"`
	MustCAS     bool  `cbor:"2,keyasint,omitempty"` // a write has to name the version that it follows
	// DeleteAfter is how many seconds a version shows its value; zero for ever,
	// and less than zero for ever although the space says otherwise.
	DeleteAfter int64 `cbor:"3,keyasint,omitempty"`
}

// UsualVersions is how many versions writes through Vault's protocol keep where
// nothing is said.
const UsualVersions = 10

// Over is what holds for a secret of a space: its own word comes first.
func (k *Keeping) Over(space *Keeping) Keeping {
	out := Keeping{}
	for _, x := range []*Keeping{k, space} {
		if x == nil {
			continue
		}
		if out.MaxVersions == 0 {
			out.MaxVersions = x.MaxVersions
		}
		if out.DeleteAfter == 0 {
			out.DeleteAfter = x.DeleteAfter
		}
		out.MustCAS = out.MustCAS || x.MustCAS
	}
	return out
}

// Trim removes the oldest versions beyond the newest most. One with a label
// stays, unless that is Previous alone. It returns the numbers of those that
// are gone.
func (s *Secret) Trim(most int64) []uint64 {
	var gone []uint64
	excess := int64(len(s.Versions)) - most
	kept := s.Versions[:0:0]
	for _, v := range s.Versions {
		if excess > 0 && (len(v.Labels) == 0 || len(v.Labels) == 1 && v.Labels[0] == Previous) {
			gone = append(gone, v.Number)
			excess--
			continue
		}
		kept = append(kept, v)
	}
	s.Versions = kept
	return gone
}
