package secret

// RotationRules are when a secret rotates, as they are given: Days or an
// Expression, and perhaps a Duration ("3h") for which the window is open.
type RotationRules struct {
	Days       int    `cbor:"1,keyasint,omitempty"`
	Expression string `cbor:"2,keyasint,omitempty"`
	Duration   string `cbor:"3,keyasint,omitempty"`
}

// IsZero reports whether there are no rules.
func (r RotationRules) IsZero() bool { return r == RotationRules{} }

// Rotation is how a secret's value is changed from time to time.
type Rotation struct {
	Enabled  bool          `cbor:"1,keyasint,omitempty"`
	Function string        `cbor:"2,keyasint,omitempty"` // ARN or name of what does it
	Rules    RotationRules `cbor:"3,keyasint,omitempty"`
	// Target is what a rotation may touch with another secret's credentials;
	// empty where it uses none. It is fixed by whoever may read that secret.
	Target string `cbor:"4,keyasint,omitempty"`
	// Lender is whose credentials those are: the full ARN of the secret, or the
	// unique ID of the user. What comes to be called as it was is not meant.
	Lender string  `cbor:"12,keyasint,omitempty"`
	Last   Instant `cbor:"5,keyasint,omitempty"` // when one last ended well
	Fired  Instant `cbor:"6,keyasint,omitempty"` // the window that one last began in
	Open   Instant `cbor:"7,keyasint,omitempty"` // when the next window opens
	Close  Instant `cbor:"8,keyasint,omitempty"` // and closes
	Run    *Run    `cbor:"9,keyasint,omitempty"` // the one under way
	// Failure is the last test that failed.
	Failure *Run   `cbor:"11,keyasint,omitempty"`
	Fence   uint64 `cbor:"10,keyasint,omitempty"` // counts claims: who holds an old one is not heard
}

// Step is one of the four steps of a rotation, by AWS's names.
type Step uint8

// The steps.
const (
	StepCreate Step = iota + 1
	StepSet
	StepTest
	StepFinish
)

var stepNames = [...]string{StepCreate: "createSecret", StepSet: "setSecret", StepTest: "testSecret", StepFinish: "finishSecret"}

// String is the step's name.
func (s Step) String() string { return stepNames[s] }

// Run is a rotation under way.
type Run struct {
	Version  string  `cbor:"1,keyasint"`           // the ID of the version that is made
	From     uint64  `cbor:"2,keyasint,omitempty"` // the number of the one it is made of
	Step     Step    `cbor:"3,keyasint"`
	TestOnly bool    `cbor:"4,keyasint,omitempty"`
	Touched  bool    `cbor:"5,keyasint,omitempty"` // setSecret may have had its effect
	Carry    string  `cbor:"6,keyasint,omitempty"` // the ID of the version whose credentials are to be used
	Attempts int     `cbor:"7,keyasint,omitempty"` // that failed
	Error    string  `cbor:"8,keyasint,omitempty"` // why the last one failed
	Failed   Instant `cbor:"9,keyasint,omitempty"`
	Try      Instant `cbor:"10,keyasint,omitempty"` // when it is tried again
	Claimed  Instant `cbor:"11,keyasint,omitempty"` // until when somebody is at it
}

// Due is when the clockwork has something to do for s; zero means never.
func (s *Secret) Due() Instant {
	switch r := s.Rotation; {
	case r == nil || s.IsDeleted() || s.IsReplica():
		return 0
	case r.Run != nil:
		return max(r.Run.Try, r.Run.Claimed)
	case r.Enabled:
		return r.Open
	}
	return 0
}

// IsClaimed reports whether somebody is at a rotation of s.
func (s *Secret) IsClaimed() bool {
	return s.Rotation != nil && s.Rotation.Run != nil && s.Rotation.Run.Claimed != 0
}

// EditRotation gives s, which is a clone, a rotation of its own to change.
func (s *Secret) EditRotation() *Rotation {
	r := Rotation{}
	if s.Rotation != nil {
		r = *s.Rotation
	}
	if r.Run != nil {
		run := *r.Run
		r.Run = &run
	}
	s.Rotation = &r
	return &r
}
