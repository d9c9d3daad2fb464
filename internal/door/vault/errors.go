package vault

import (
	"errors"
	"net/http"

	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/login"
	"github.com/strongroom-dev/strongroom/internal/token"
)

var (
	errNoToken = errors.New("vault: no token")
	errNoRoute = errors.New("vault: no such path")
)

// wire is how a fault goes over the wire: the status, and the text in place of
// the fault's own, if that is meant for another protocol or for nobody.
type wire struct {
	status int
	text   string
	none   bool // no text at all
}

var wires = map[fault.Code]wire{
	fault.Internal:        {status: http.StatusInternalServerError, text: "internal error"},
	fault.NotFound:        {status: http.StatusNotFound, none: true},
	fault.Exists:          {status: http.StatusBadRequest},
	fault.Unauthenticated: {status: http.StatusForbidden},
	fault.Denied:          {status: http.StatusForbidden, text: "1 error occurred:\n\t* permission denied\n\n"},
	fault.Invalid:         {status: http.StatusBadRequest},
	fault.TooLarge:        {status: http.StatusRequestEntityTooLarge},
	fault.Unsupported:     {status: http.StatusMethodNotAllowed},
	fault.Conflict:        {status: http.StatusBadRequest},
	fault.Deleted:         {status: http.StatusBadRequest},
	fault.Limit:           {status: http.StatusBadRequest},
	fault.Throttled:       {status: http.StatusTooManyRequests},
	fault.Sealed:          {status: http.StatusServiceUnavailable, text: "Vault is sealed"},
	fault.Unavailable:     {status: http.StatusServiceUnavailable},
	fault.EngineFailed:    {status: http.StatusInternalServerError},
}

// writeError sends an error. Of what is unforeseen no detail goes out.
func writeError(w http.ResponseWriter, q *request, x *door.Exchange, err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = fault.Wrap(fault.Internal, err, "")
	}
	x.Outcome = f.Code.String()
	e := wires[f.Code]
	texts := []string{}
	switch {
	case errors.Is(err, errWrongVersion):
		q.writeWarning(w, f.Message)
		return
	case errors.Is(err, errNoRoute):
		e.status = http.StatusNotFound
		if f.Code == fault.Unsupported {
			e.status = http.StatusMethodNotAllowed
		}
		texts = append(texts, "1 error occurred:\n\t* "+f.Message+"\n\n")
	case errors.Is(err, token.ErrNoAccessor):
		e.status = http.StatusForbidden
		texts = append(texts, "1 error occurred:\n\t* invalid accessor\n\n")
	case errors.Is(err, login.ErrRefused):
		e.status = http.StatusBadRequest
		texts = append(texts, f.Message)
	case e.none:
	case e.text != "":
		texts = append(texts, e.text)
	default:
		texts = append(texts, f.Message)
	}
	buf := buffers.Get().(*buffer)
	defer buf.release()
	buf.b = append(appendJSON(buf.b, m{"errors": texts}), '\n')
	w.WriteHeader(e.status)
	if q.http.Method != http.MethodHead {
		_, _ = w.Write(buf.b)
	}
}

// writeWarning sends a 404 that says why.
func (q *request) writeWarning(w http.ResponseWriter, text string) {
	_ = q.write(w, &response{status: http.StatusNotFound, warnings: []string{text}})
}
