package secret

// Verb is the name of an operation. Every method of core has exactly one, of
// the same name.
type Verb uint8

// The verbs.
const (
	_ Verb = iota
	Authenticate
	CreateSecret
	GetValue
	BatchGetValue
	PutValue
	UpdateSecret
	MoveLabel
	DescribeSecret
	ListSecrets
	ListVersions
	DeleteSecret
	RestoreSecret
	TagSecret
	UntagSecret
	RandomPassword
	PurgeDeleted
	RecordAccess
	CreateCredential
	RotateKeyring
	ReadAudit
	Backup
	verbs
)

// traits say how the gate treats a verb.
type traits struct {
	name   string
	writes bool // needs a write transaction
	quiet  bool // a success is recorded by the operation that follows, a failure here
}

var table = [verbs]traits{
	Authenticate:     {name: "Authenticate", quiet: true},
	CreateSecret:     {name: "CreateSecret", writes: true},
	GetValue:         {name: "GetValue"},
	BatchGetValue:    {name: "BatchGetValue"},
	PutValue:         {name: "PutValue", writes: true},
	UpdateSecret:     {name: "UpdateSecret", writes: true},
	MoveLabel:        {name: "MoveLabel", writes: true},
	DescribeSecret:   {name: "DescribeSecret"},
	ListSecrets:      {name: "ListSecrets"},
	ListVersions:     {name: "ListVersions"},
	DeleteSecret:     {name: "DeleteSecret", writes: true},
	RestoreSecret:    {name: "RestoreSecret", writes: true},
	TagSecret:        {name: "TagSecret", writes: true},
	UntagSecret:      {name: "UntagSecret", writes: true},
	RandomPassword:   {name: "RandomPassword"},
	PurgeDeleted:     {name: "PurgeDeleted", writes: true},
	RecordAccess:     {name: "RecordAccess", writes: true},
	CreateCredential: {name: "CreateCredential", writes: true},
	RotateKeyring:    {name: "RotateKeyring", writes: true},
	ReadAudit:        {name: "ReadAudit"},
	Backup:           {name: "Backup"},
}

// Verbs lists every verb.
func Verbs() []Verb {
	var all []Verb
	for v := range verbs {
		if table[v].name != "" {
			all = append(all, v)
		}
	}
	return all
}

// String is the verb's name in the audit log.
func (v Verb) String() string {
	if v < verbs && table[v].name != "" {
		return table[v].name
	}
	return "Unknown"
}

// Writes reports whether the verb changes the store.
func (v Verb) Writes() bool { return v < verbs && table[v].writes }

// Quiet reports whether only failures of the verb are recorded: a successful
// authentication shows in the record of the operation it was for.
func (v Verb) Quiet() bool { return v < verbs && table[v].quiet }
