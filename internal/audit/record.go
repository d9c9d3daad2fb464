// Package audit says what is recorded of an operation, and is the port to
// whatever keeps the records: an append-only log that is a Merkle tree
// (RFC 6962), with signed checkpoints.
//
// It must not know who decides, nor what a value is: a record is an allow-list
// of fields, and no value, token or key is among them.
package audit

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/strongroom-dev/strongroom/internal/jsontext"
)

// Record is what came of one operation. Every field may be read by an auditor.
type Record struct {
	ID        string        // of this record: a UUID that sorts by time
	Time      time.Time     // when the operation began
	Node      string        // which server
	Door      string        // through which protocol
	Caller    string        // who, as an ARN; "anonymous" if that was never established
	AccessKey string        // with which access key
	Source    string        // from which address
	Client    string        // its User-Agent, cut to 256 bytes
	RequestID string        // as the client was told it
	Verb      string        // what
	Resource  string        // on what
	Items     []Item        // a list's or a batch's parts
	Decision  string        // "allow" or "deny"; empty if it never came to one
	Reasons   []string      // which statements decided
	Outcome   string        // "ok", or the kind of fault
	Version   string        // which version was read or made
	Value     [32]byte      // a keyed hash of the value that was read or written; zero for none
	Took      time.Duration // until the record was made
}

// Item is one part of a batch.
type Item struct {
	Resource string `json:"resource"`
	Decision string `json:"decision"`
	Outcome  string `json:"outcome,omitempty"`
	Version  string `json:"version,omitempty"`
}

// MaxRecord is the longest encoded record, in bytes.
const MaxRecord = 256 << 10

// Append appends the record as one line of JSON without a line end. Fields are
// in a fixed order, absent where they are empty, and cut where they are longer
// than they can be: a request must not be able to make a record too long.
func (r *Record) Append(dst []byte) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(dst, r.ID...)
	dst = append(dst, `","time":"`...)
	dst = r.Time.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	dst = append(dst, '"')
	dst = jsontext.AppendMember(dst, "node", r.Node)
	dst = jsontext.AppendMember(dst, "door", r.Door)
	dst = jsontext.AppendMember(dst, "caller", cut(r.Caller, 2048))
	dst = jsontext.AppendMember(dst, "access_key", cut(r.AccessKey, 128))
	dst = jsontext.AppendMember(dst, "source", cut(r.Source, 128))
	dst = jsontext.AppendMember(dst, "client", cut(r.Client, 256))
	dst = jsontext.AppendMember(dst, "request_id", cut(r.RequestID, 64))
	dst = jsontext.AppendMember(dst, "verb", r.Verb)
	dst = jsontext.AppendMember(dst, "resource", cut(r.Resource, 2300))
	if len(r.Items) > 0 {
		items, _ := json.Marshal(r.Items) // strings alone: cannot fail
		dst = append(append(dst, `,"items":`...), items...)
	}
	dst = jsontext.AppendMember(dst, "decision", r.Decision)
	if len(r.Reasons) > 0 {
		dst = append(dst, `,"reasons":[`...)
		for i, s := range r.Reasons {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = jsontext.Append(dst, cut(s, 1024))
		}
		dst = append(dst, ']')
	}
	dst = jsontext.AppendMember(dst, "outcome", r.Outcome)
	dst = jsontext.AppendMember(dst, "version", cut(r.Version, 128))
	if r.Value != ([32]byte{}) {
		dst = append(dst, `,"value":"hmac-sha256:`...)
		dst = hex.AppendEncode(dst, r.Value[:])
		dst = append(dst, '"')
	}
	dst = append(dst, `,"took_us":`...)
	dst = strconv.AppendInt(dst, r.Took.Microseconds(), 10)
	return append(dst, '}')
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// Shown is a record as it is read back: the encoded form, with the fields by
// which a reader picks.
type Shown struct {
	ID       string    `json:"id"`
	Time     time.Time `json:"time"`
	Door     string    `json:"door"`
	Caller   string    `json:"caller"`
	Source   string    `json:"source"`
	Verb     string    `json:"verb"`
	Resource string    `json:"resource"`
	Decision string    `json:"decision"`
	Outcome  string    `json:"outcome"`
	Version  string    `json:"version"`
}

// Parse reads what Append wrote.
func Parse(line []byte) (Shown, error) {
	var s Shown
	err := json.Unmarshal(line, &s)
	return s, err
}
