package door

import (
	"errors"
	"io"
	"net/http"
)

// What can be wrong with a request's body.
var (
	ErrTooLarge = errors.New("door: the request is too large")
	ErrCut      = errors.New("door: the request ended before its end")
)

// ReadBody appends the whole body of a request, of at most so many bytes, to
// memory that the caller wipes; what it outgrows is wiped at once. It gives the
// memory back in any case. It fails with ErrTooLarge, after which the
// connection closes, or ErrCut.
func ReadBody(w http.ResponseWriter, r *http.Request, into []byte, most int) ([]byte, error) {
	if r.ContentLength > int64(most) {
		w.Header().Set("Connection", "close") // what remains is not worth reading
		return into, ErrTooLarge
	}
	for {
		if len(into) == cap(into) {
			grown := make([]byte, len(into), 2*cap(into))
			copy(grown, into)
			clear(into)
			into = grown
		}
		n, err := r.Body.Read(into[len(into):cap(into)])
		into = into[:len(into)+n]
		switch {
		case len(into) > most:
			w.Header().Set("Connection", "close")
			return into, ErrTooLarge
		case errors.Is(err, io.EOF):
			return into, nil
		case err != nil:
			return into, ErrCut
		}
	}
}
