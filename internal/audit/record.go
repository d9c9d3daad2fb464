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
	"unicode/utf8"
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

const hexDigits = "0123456789abcdef"

// Append appends the record as one line of JSON without a line end. Fields are
// in a fixed order, absent where they are empty, and cut where they are longer
// than they can be: a request must not be able to make a record too long.
func (r *Record) Append(dst []byte) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(dst, r.ID...)
	dst = append(dst, `","time":"`...)
	dst = r.Time.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	dst = append(dst, '"')
	dst = field(dst, "node", r.Node)
	dst = field(dst, "door", r.Door)
	dst = field(dst, "caller", cut(r.Caller, 2048))
	dst = field(dst, "access_key", cut(r.AccessKey, 128))
	dst = field(dst, "source", cut(r.Source, 128))
	dst = field(dst, "client", cut(r.Client, 256))
	dst = field(dst, "request_id", cut(r.RequestID, 64))
	dst = field(dst, "verb", r.Verb)
	dst = field(dst, "resource", cut(r.Resource, 2300))
	if len(r.Items) > 0 {
		items, _ := json.Marshal(r.Items) // strings alone: cannot fail
		dst = append(append(dst, `,"items":`...), items...)
	}
	dst = field(dst, "decision", r.Decision)
	if len(r.Reasons) > 0 {
		dst = append(dst, `,"reasons":[`...)
		for i, s := range r.Reasons {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = text(dst, cut(s, 1024))
		}
		dst = append(dst, ']')
	}
	dst = field(dst, "outcome", r.Outcome)
	dst = field(dst, "version", cut(r.Version, 128))
	if r.Value != ([32]byte{}) {
		dst = append(dst, `,"value":"hmac-sha256:`...)
		dst = hex.AppendEncode(dst, r.Value[:])
		dst = append(dst, '"')
	}
	dst = append(dst, `,"took_us":`...)
	dst = strconv.AppendInt(dst, r.Took.Microseconds(), 10)
	return append(dst, '}')
}

func field(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return text(dst, value)
}

// text appends a JSON string. What is not UTF-8 is replaced.
func text(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r) // U+FFFD for a bad byte
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
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
