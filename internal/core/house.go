package core

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"io/fs"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// RotateKeyring gives the keyring a new active key and returns its number.
// What older keys sealed stays readable.
func (c *Core) RotateKeyring(ctx context.Context, who Caller) (uint32, error) {
	return gate.Do(ctx, c.gate, who, secret.RotateKeyring, secret.System(), func(tx *gate.Tx, _ secret.Ref) (uint32, error) {
		return tx.RotateKeyring()
	})
}

// ReadAuditInput asks for records. From is the index of the first one; -1
// stands for the last Max. A record of that ID alone, if ID is not empty.
type ReadAuditInput struct {
	From int64
	Max  int
	ID   string
}

// AuditPage is some records. Next is the index behind the last one.
type AuditPage struct {
	Entries []audit.Entry
	Next    int64
	Head    audit.Head
	Files   fs.FS // the log as it is, for one who will verify it
}

// ReadAudit reads the audit log.
func (c *Core) ReadAudit(ctx context.Context, who Caller, in ReadAuditInput) (AuditPage, error) {
	return gate.Do(ctx, c.gate, who, secret.ReadAudit, secret.System(), func(tx *gate.Tx, _ secret.Ref) (AuditPage, error) {
		page := AuditPage{Head: tx.AuditHead(), Files: tx.AuditFiles()}
		from := in.From
		if from < 0 {
			from = max(0, page.Head.Size-int64(in.Max))
		}
		if in.ID != "" {
			from = 0
		}
		page.Next = from
		for e, err := range tx.Records(from) {
			if err != nil {
				return page, err
			}
			if e.Index >= page.Head.Size || len(page.Entries) == in.Max {
				break
			}
			page.Next = e.Index + 1
			if in.ID != "" {
				if shown, err := audit.Parse(e.Record); err != nil || shown.ID != in.ID {
					continue
				}
			}
			e.Record = append([]byte{}, e.Record...)
			page.Entries = append(page.Entries, e)
			if in.ID != "" {
				break
			}
		}
		return page, nil
	})
}

// Snapshot is what Backup saw.
type Snapshot struct {
	Entries int64
	Head    audit.Head // what the audit log must at least hold
	Files   fs.FS      // the audit log's files
}

// Backup writes every entry of the store, as one moment has them and as they
// are stored, sealed: each as the lengths of key and value, 32 bits each, and
// both. w must be a file or memory: the store waits for it.
func (c *Core) Backup(ctx context.Context, who Caller, w io.Writer) (Snapshot, error) {
	return gate.Do(ctx, c.gate, who, secret.Backup, secret.System(), func(tx *gate.Tx, _ secret.Ref) (Snapshot, error) {
		out := bufio.NewWriterSize(w, 1<<20)
		snap := Snapshot{Head: tx.AuditHead(), Files: tx.AuditFiles()}
		for e, err := range tx.Scan(store.Range{}) {
			if err != nil {
				return snap, err
			}
			if err := WriteEntry(out, e); err != nil {
				return snap, err
			}
			snap.Entries++
		}
		return snap, out.Flush()
	})
}

// WriteEntry writes an entry as Backup does.
func WriteEntry(w io.Writer, e store.Entry) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(e.Key)))
	head = binary.BigEndian.AppendUint32(head, uint32(len(e.Value)))
	if _, err := w.Write(append(head, e.Key...)); err != nil {
		return err
	}
	_, err := w.Write(e.Value)
	return err
}

// maxEntry bounds what ReadEntry takes for a length.
const maxEntry = 64 << 20

// ReadEntry reads what WriteEntry wrote; io.EOF where there is no more.
func ReadEntry(r io.Reader) (store.Entry, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return store.Entry{}, err
	}
	k, v := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	if k > maxEntry || v > maxEntry {
		return store.Entry{}, io.ErrUnexpectedEOF
	}
	b := make([]byte, k+v)
	if _, err := io.ReadFull(r, b); err != nil {
		return store.Entry{}, io.ErrUnexpectedEOF
	}
	return store.Entry{Key: string(b[:k]), Value: b[k:]}, nil
}

// SealingKey is the key of the keyring that seals now.
type SealingKey struct {
	Number uint32
	Made   secret.Instant
}

// KeyStatus tells of the key that seals now; ref is the path that asks.
func (c *Core) KeyStatus(ctx context.Context, who Caller, ref secret.Ref) (SealingKey, error) {
	return gate.Do(ctx, c.gate, who, secret.ReadSetting, ref, func(tx *gate.Tx, _ secret.Ref) (k SealingKey, err error) {
		k.Number, k.Made = tx.Keyring()
		return k, nil
	})
}
