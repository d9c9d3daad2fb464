package secret

import "slices"

// The labels that AWS gives a meaning.
const (
	Current  = "AWSCURRENT"
	Previous = "AWSPREVIOUS"
	Pending  = "AWSPENDING"
)

// MaxLabels is how many labels all versions of a secret may carry together.
const MaxLabels = 20

// AddVersion appends a version with the next number and the labels in their
// order, each taken from the version that had it. The first version that
// holds a value is current whatever labels were asked for. Where Current
// moves, the rules of MoveCurrent hold, and Pending leaves the version that
// was current: what replaced it is the outcome of the rotation.
func (s *Secret) AddVersion(id string, form Form, at Instant, labels []string) *Version {
	if form != NoValue && s.At(Current) == nil && !slices.Contains(labels, Current) {
		labels = append([]string{Current}, labels...)
	}
	s.LastNumber++
	s.Versions = append(s.Versions, Version{Number: s.LastNumber, ID: id, Created: at, Form: form})
	s.place(s.LastNumber, labels, (*Version).append)
	return &s.Versions[len(s.Versions)-1]
}

// Relabel gives an existing version further labels, as a repeated write of the
// same version does.
func (s *Secret) Relabel(number uint64, labels []string) {
	s.place(number, labels, (*Version).prepend)
}

func (s *Secret) place(number uint64, labels []string, add func(*Version, string)) {
	for _, l := range labels {
		if l == Current {
			if old := s.At(Current); old != nil && old.Number != number {
				old.remove(Pending)
			}
		}
		s.move(l, number, add)
	}
}

// Attach puts the label on the version of that number and takes it from the
// version that had it. Attaching Current makes the former current version
// Previous.
func (s *Secret) Attach(label string, number uint64) {
	s.move(label, number, (*Version).prepend)
}

func (s *Secret) move(label string, number uint64, add func(*Version, string)) {
	to := s.ByNumber(number)
	from := s.At(label)
	if to == nil || from == to {
		return
	}
	if from != nil {
		from.remove(label)
		if label == Current {
			s.Detach(Previous)
			from.prepend(Previous)
		}
	}
	add(to, label)
	if label == Current {
		to.remove(Previous)
	}
}

// Detach takes the label from whichever version has it.
func (s *Secret) Detach(label string) {
	if v := s.At(label); v != nil {
		v.remove(label)
	}
}

// CountLabels counts the labels of all versions.
func (s *Secret) CountLabels() int {
	n := 0
	for i := range s.Versions {
		n += len(s.Versions[i].Labels)
	}
	return n
}

func (v *Version) append(label string)  { v.Labels = append(v.Labels, label) }
func (v *Version) prepend(label string) { v.Labels = slices.Insert(v.Labels, 0, label) }
func (v *Version) remove(label string) {
	v.Labels = slices.DeleteFunc(v.Labels, func(l string) bool { return l == label })
}

// How many versions are kept.
const (
	KeepVersions = 100                 // the newest of a secret are always kept
	KeepFor      = 24 * 60 * 60 * 1000 // and so is a version younger than this, in milliseconds
	MaxVersions  = 1000                // no more can be written
)

// Expire removes the versions that have no label, are older than KeepFor, and
// are not among the KeepVersions newest. It returns their numbers.
func (s *Secret) Expire(now Instant) []uint64 {
	var gone []uint64
	old := max(0, len(s.Versions)-KeepVersions)
	kept := s.Versions[:0:0]
	for i, v := range s.Versions {
		if i < old && len(v.Labels) == 0 && now-v.Created > KeepFor {
			gone = append(gone, v.Number)
			continue
		}
		kept = append(kept, v)
	}
	s.Versions = kept
	return gone
}
