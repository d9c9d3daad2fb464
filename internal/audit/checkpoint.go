package audit

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A checkpoint is a signed note (golang.org/x/mod/sumdb/note) over a head, in
// the form of C2SP tlog-checkpoint: origin, size, root, one a line.

// GenerateKey makes the key that signs a log's checkpoints: the secret part,
// and the public part by which anybody checks them. origin names the log and
// has no spaces.
func GenerateKey(origin string) (signer, verifier string, err error) {
	return note.GenerateKey(rand.Reader, origin)
}

// Sign makes a checkpoint.
func Sign(signer note.Signer, h Head) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), h.Size, base64.StdEncoding.EncodeToString(h.Root[:]))
	return note.Sign(&note.Note{Text: text}, signer)
}

// OpenCheckpoint checks a checkpoint's signature and reads its head.
func OpenCheckpoint(verifier note.Verifier, checkpoint []byte) (Head, error) {
	var h Head
	n, err := note.Open(checkpoint, note.VerifierList(verifier))
	if err != nil {
		return h, fmt.Errorf("%w: a checkpoint: %w", ErrDamaged, err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return h, fmt.Errorf("%w: a checkpoint is of another log", ErrDamaged)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || err2 != nil || size < 0 || len(root) != len(h.Root) {
		return h, fmt.Errorf("%w: a checkpoint cannot be read", ErrDamaged)
	}
	h.Size = size
	copy(h.Root[:], root)
	return h, nil
}
