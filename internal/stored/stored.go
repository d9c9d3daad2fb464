// Package stored is the form in which rows are kept in the store: a format number
// and CBOR (RFC 8949).
//
// It must not know what a row says.
package stored

import (
	"errors"

	"github.com/fxamacker/cbor/v2"
)

// format begins every row.
const format = 1

// ErrFormat says that a row was written by a newer version.
var ErrFormat = errors.New("stored: an unknown format: it was written by a newer version")

// reading takes text as it is, UTF-8 or not: a row that was written must be
// readable for ever, whatever somebody managed to put into it.
var reading = func() cbor.DecMode {
	mode, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

// Encode makes a row of x.
func Encode(x any) ([]byte, error) {
	text, err := cbor.Marshal(x)
	return append([]byte{format}, text...), err
}

// Decode reads a row.
func Decode[T any](b []byte) (*T, error) {
	if len(b) == 0 || b[0] != format {
		return nil, ErrFormat
	}
	x := new(T)
	return x, reading.Unmarshal(b[1:], x)
}
