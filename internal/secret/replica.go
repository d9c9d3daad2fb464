package secret

// Replica is a copy of a secret in another region, as the secret itself knows
// of it.
type Replica struct {
	Region string `cbor:"1,keyasint"`
	KeyID  string `cbor:"2,keyasint,omitempty"`
	// Problem is why there is no copy there; empty if there is one.
	Problem string `cbor:"3,keyasint,omitempty"`
}

// ReplicaIn is the replica in a region, nil if there is none.
func (s *Secret) ReplicaIn(region string) *Replica {
	for i := range s.Replicas {
		if s.Replicas[i].Region == region {
			return &s.Replicas[i]
		}
	}
	return nil
}

// IsReplica reports whether s is a copy of a secret of another region.
func (s *Secret) IsReplica() bool { return s.Primary != "" }
