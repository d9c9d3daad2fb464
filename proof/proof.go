// Package proof checks that a record is in a Strongroom audit log, with
// nothing but the record, a proof, and the log's public key: no server, no
// store, and no other part of Strongroom.
//
// A proof is text in the form of C2SP tlog-proof (https://c2sp.org/tlog-proof):
// the record's index, the hashes along its path in the Merkle tree (RFC 6962),
// and a checkpoint signed by the log.
package proof

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const header = "c2sp.org/tlog-proof@v1"

// ErrInvalid says that a proof does not prove what it is said to.
var ErrInvalid = errors.New("proof: the record is not proved to be in the log")

// Proof is what Format writes and Verify checks.
type Proof struct {
	Index      int64
	Hashes     []tlog.Hash
	Checkpoint []byte
}

// Format writes a proof.
func (p *Proof) Format() []byte {
	b := fmt.Appendf(nil, "%s\nindex %d\n", header, p.Index)
	for _, h := range p.Hashes {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), p.Checkpoint...)
}

// Parse reads a proof. It fails with ErrInvalid.
func Parse(text []byte) (*Proof, error) {
	head, checkpoint, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 2 || lines[0] != header {
		return nil, fmt.Errorf("%w: it is not a proof", ErrInvalid)
	}
	number, ok := strings.CutPrefix(lines[1], "index ")
	index, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || index < 0 {
		return nil, fmt.Errorf("%w: it has no index", ErrInvalid)
	}
	p := &Proof{Index: index, Checkpoint: []byte(checkpoint)}
	for _, line := range lines[2:] {
		b, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(b) != tlog.HashSize {
			return nil, fmt.Errorf("%w: a hash cannot be read", ErrInvalid)
		}
		p.Hashes = append(p.Hashes, tlog.Hash(b))
	}
	return p, nil
}

// Verify reports, by a nil error, that the record, which is a line of the log
// without its line end, is in the log whose public key is given, and at which
// index. It fails with ErrInvalid.
func Verify(text, record []byte, publicKey string) (index int64, err error) {
	p, err := Parse(text)
	if err != nil {
		return 0, err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(publicKey))
	if err != nil {
		return 0, fmt.Errorf("proof: the public key: %w", err)
	}
	n, err := note.Open(p.Checkpoint, note.VerifierList(verifier))
	if err != nil {
		return 0, fmt.Errorf("%w: the checkpoint: %w", ErrInvalid, err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return 0, fmt.Errorf("%w: the checkpoint is of another log", ErrInvalid)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: the checkpoint cannot be read", ErrInvalid)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return 0, fmt.Errorf("%w: the checkpoint cannot be read", ErrInvalid)
	}
	if err := tlog.CheckRecord(p.Hashes, size, tlog.Hash(root), p.Index, tlog.RecordHash(record)); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return p.Index, nil
}
