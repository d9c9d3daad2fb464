package vault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/strongroom-dev/strongroom/internal/jsontext"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// response is an answer. The nil response has no body.
type response struct {
	status        int // 200 if zero
	data          any // what goes into "data"; nil for null
	raw           raw // or who writes it
	auth          *auth
	leaseID       string
	leaseDuration int64
	renewable     bool
	warnings      []string
	flat          bool // the members of data stand beside "data" too
	bare          any  // the whole body, for paths that have no envelope
	wrap          *token.Wrapping
	unwrapped     plain.Value // an answer as it was kept
	done          func()      // is called when the answer is written
}

// raw appends a JSON value to b, which it may move with grow.
type raw func(b []byte) []byte

// m is an object of an answer.
type m map[string]any

// auth is a token in an answer.
type auth struct {
	ClientToken    string            `json:"client_token"`
	Accessor       string            `json:"accessor"`
	Policies       []string          `json:"policies"`
	TokenPolicies  []string          `json:"token_policies"`
	Identity       []string          `json:"identity_policies,omitempty"`
	Metadata       map[string]string `json:"metadata"`
	LeaseDuration  int64             `json:"lease_duration"`
	Renewable      bool              `json:"renewable"`
	EntityID       string            `json:"entity_id"`
	TokenType      string            `json:"token_type"`
	Orphan         bool              `json:"orphan"`
	MFARequirement any               `json:"mfa_requirement"`
	NumUses        int64             `json:"num_uses"`
}

// tokenAnswer shows a token that was made or renewed.
func (q *request) tokenAnswer(i *token.Issued) *response {
	r := &i.Row
	a := &auth{
		ClientToken: i.Text, Accessor: r.Accessor, Policies: both(r.Policies, i.Identity), TokenPolicies: r.Policies, Identity: i.Identity,
		Metadata: r.Meta, LeaseDuration: r.TTLAt(q.door.cfg.Now()), Renewable: r.Renewable, EntityID: r.Entity, TokenType: tokenType(r),
		Orphan: r.Orphan, NumUses: max(r.Uses, 0),
	}
	return &response{auth: a, warnings: i.Warnings}
}

func tokenType(r *token.Row) string {
	if r.Batch {
		return "batch"
	}
	return "service"
}

// both is the names of either, sorted, each once.
func both(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// grow makes room for n more bytes. The memory that was too small is wiped.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	grown := make([]byte, len(b), 2*cap(b)+n)
	copy(grown, b)
	clear(b[:cap(b)])
	return grown
}

// appendJSON appends what encoding/json makes of v.
func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // what is marshalled here cannot fail
		panic(fmt.Sprintf("vault: %T cannot be encoded: %v", v, err))
	}
	b = append(grow(b, len(text)), text...)
	clear(text)
	return b
}

// write sends an answer.
func (q *request) write(w http.ResponseWriter, out *response) error {
	switch {
	case out != nil && out.done != nil:
		defer out.done()
	case out != nil && !out.unwrapped.IsZero():
		defer out.unwrapped.Wipe()
	}
	if out == nil || !out.unwrapped.IsZero() && out.unwrapped.Len() == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	buf := buffers.Get().(*buffer)
	defer buf.release()
	switch {
	case out.bare != nil:
		buf.b = appendJSON(buf.b, out.bare)
	case !out.unwrapped.IsZero():
		buf.b = append(append(append(buf.b, `{"request_id":"`...), q.id...), '"', ',')
		buf.b = append(grow(buf.b, out.unwrapped.Len()), out.unwrapped.Open()...)
	default:
		buf.b = append(buf.b, '{')
		if out.flat {
			buf.b = appendFlat(buf.b, out.data)
		}
		buf.b = append(append(append(buf.b, `"request_id":"`...), q.id...), '"', ',')
		buf.b = q.appendRest(buf.b, out)
	}
	if len(buf.b) > countedByServer {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(buf.b) + 1)}
	}
	buf.b = append(buf.b, '\n')
	if out.status != 0 {
		w.WriteHeader(out.status)
	}
	if q.http.Method != http.MethodHead {
		_, _ = w.Write(buf.b) // a client that is gone needs no answer
	}
	return nil
}

// countedByServer is the length up to which net/http finds out the length of an
// answer by itself.
const countedByServer = 2000

// appendFlat appends the members of an object, each with a comma.
func appendFlat(b []byte, data any) []byte {
	text := bytes.TrimSpace(appendJSON(nil, data))
	if len(text) < 3 || text[0] != '{' {
		return b
	}
	return append(append(b, text[1:len(text)-1]...), ',')
}

// appendRest appends the envelope behind the request's ID.
func (q *request) appendRest(b []byte, out *response) []byte {
	b = append(b, `"lease_id":`...)
	b = jsontext.Append(b, out.leaseID)
	b = strconv.AppendBool(append(b, `,"renewable":`...), out.renewable)
	b = strconv.AppendInt(append(b, `,"lease_duration":`...), out.leaseDuration, 10)
	b = append(b, `,"data":`...)
	switch {
	case out.raw != nil:
		b = out.raw(b)
	case out.data != nil:
		b = appendJSON(b, out.data)
	default:
		b = append(b, "null"...)
	}
	b = append(grow(b, 128), `,"wrap_info":`...)
	if out.wrap != nil {
		b = appendJSON(b, wrapInfoOf(out.wrap))
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"warnings":`...)
	if warnings := q.warnings(out); len(warnings) > 0 {
		b = appendJSON(b, warnings)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"auth":`...)
	if out.auth != nil {
		b = appendJSON(b, out.auth)
	} else {
		b = append(b, "null"...)
	}
	return append(b, '}')
}

// warnings are those of the answer, and of parameters that nobody asked for.
func (q *request) warnings(out *response) []string {
	all := out.warnings
	if len(q.fields.used) == 0 {
		return all
	}
	if unknown := q.fields.unknown(); len(unknown) > 0 {
		all = append(all, fmt.Sprintf("Endpoint ignored these unrecognized parameters: %v", unknown))
	}
	return all
}

type wrapInfo struct {
	Token        string `json:"token"`
	Accessor     string `json:"accessor"`
	TTL          int64  `json:"ttl"`
	CreationTime string `json:"creation_time"`
	CreationPath string `json:"creation_path"`
	Wrapped      string `json:"wrapped_accessor,omitempty"`
}

func wrapInfoOf(w *token.Wrapping) wrapInfo {
	return wrapInfo{Token: w.Token, Accessor: w.Accessor, TTL: w.TTL, CreationTime: stamp(w.Created), CreationPath: w.Path, Wrapped: w.Wrapped}
}

// wrap keeps an answer under a token of its own, in place of giving it.
func (q *request) wrap(out *response) (*response, error) {
	b := q.appendRest(make([]byte, 0, 4096), out)
	if out.done != nil {
		out.done()
	}
	answer := plain.New(b)
	defer answer.Wipe()
	w, err := q.door.cfg.Tokens.Wrap(q.ctx, q.who, &q.session, q.path, answer, q.wrapTTL)
	if err != nil {
		return nil, err
	}
	if out.auth != nil {
		w.Wrapped = out.auth.Accessor
	}
	return &response{wrap: &w}, nil
}

// stamp is a time as Vault writes it; empty for never.
func stamp(i secret.Instant) string {
	if i.IsZero() {
		return ""
	}
	return i.Time().Format(time.RFC3339Nano)
}

// keys is the answer to a list: 404 if nothing is there.
func keys(names []string) *response {
	if len(names) == 0 {
		return &response{status: http.StatusNotFound, bare: m{"errors": []string{}}}
	}
	return &response{data: m{"keys": names}}
}

// orEmpty makes an empty list of none.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
