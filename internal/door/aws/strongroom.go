package aws

import (
	"archive/tar"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/backup"
	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// strongroom is the table of Strongroom's own operations: AWS has nothing of
// the kind, but the same clients can sign for them.
func strongroom() *service {
	return newService("strongroom",
		define("ReadAudit", secret.ReadAudit, readAudit),
		define("ExportAudit", secret.ReadAudit, exportAudit),
		define("Backup", secret.Backup, takeBackup),
		define("SimulatePolicy", secret.SimulatePrincipalPolicy, simulatePolicy),
		define("WhoCan", secret.WhoCan, whoCan),
		define("SuggestPolicy", secret.SuggestPolicy, suggestPolicy),
		define("RotateKeyring", secret.RotateKeyring, rotateKeyring),
		define("RetryRotation", secret.RetryRotation, retryRotation),
		define("RegisterFunction", secret.RegisterFunction, registerFunction),
		define("ListFunctions", secret.ListFunctions, listFunctions),
		define("DeleteFunction", secret.DeleteFunction, deleteFunction),
		define("RegisterWebhook", secret.RegisterWebhook, registerWebhook),
		define("ListWebhooks", secret.ListWebhooks, listWebhooks),
		define("DeleteWebhook", secret.DeleteWebhook, deleteWebhook),
	)
}

type nothingInput struct{ aboutNothing }

func (*nothingInput) check(*checker) {}

type readAuditInput struct {
	aboutNothing
	From       *int64
	MaxResults *int64
	RecordId   *string //nolint:revive // the wire's spelling
}

func (in *readAuditInput) check(c *checker) {
	c.between("from", in.From, -1, 1<<62)
	c.between("maxResults", in.MaxResults, 1, 1000)
	c.length("recordId", in.RecordId, 1, 64)
}

func readAudit(q *request, in *readAuditInput) (answer, error) {
	page, err := q.door.cfg.Core.ReadAudit(q.ctx, q.who, core.ReadAuditInput{
		From: number(in.From, -1), Max: int(number(in.MaxResults, 100)), ID: text(in.RecordId),
	})
	return func(o *object) {
		o.number("Next", page.Next)
		list(o, "Records", page.Entries, func(o *object, e audit.Entry) {
			o.number("Index", e.Index)
			o.member("Record")
			o.reserve(len(e.Record))
			o.b = append(o.b, e.Record...)
		})
		o.str("Root", base64.StdEncoding.EncodeToString(page.Head.Root[:]))
		o.number("Size", page.Head.Size)
	}, err
}

type exportAuditInput struct{ nothingInput }

// exportAudit streams the log's files, for a client that verifies them itself.
func exportAudit(q *request, _ *exportAuditInput) (answer, error) {
	page, err := q.door.cfg.Core.ReadAudit(q.ctx, q.who, core.ReadAuditInput{Max: 0})
	if err != nil {
		return nil, err
	}
	return nil, q.stream(func(w io.Writer) error {
		t := tar.NewWriter(w)
		if err := backup.AddFiles(t, "", page.Files); err != nil {
			return err
		}
		return t.Close()
	})
}

// stream answers with bytes of unknown length. What goes wrong on the way
// breaks the connection, so that nobody takes a part for the whole.
func (q *request) stream(write func(io.Writer) error) error {
	q.sent = true
	q.w.Header().Set("Content-Type", "application/octet-stream")
	control := http.NewResponseController(q.w)
	_ = control.SetWriteDeadline(time.Time{}) // it takes as long as it takes
	if err := write(q.w); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

type backupInput struct{ nothingInput }

// takeBackup snapshots the store into a file that has no name, and streams
// that: the store does not wait for the client.
func takeBackup(q *request, _ *backupInput) (answer, error) {
	f, err := os.CreateTemp(q.door.cfg.Temp, "snapshot-*.tmp")
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "The snapshot could not be written.")
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Unavailable, err, "The snapshot could not be written.")
	}
	snap, err := q.door.cfg.Core.Backup(q.ctx, q.who, f)
	if err != nil {
		return nil, err
	}
	return nil, q.stream(func(w io.Writer) error {
		return backup.Write(w, q.door.cfg.Seal, snap, f, q.door.cfg.Now())
	})
}

type rotateKeyringInput struct{ nothingInput }

func rotateKeyring(q *request, _ *rotateKeyringInput) (answer, error) {
	active, err := q.door.cfg.Core.RotateKeyring(q.ctx, q.who)
	return func(o *object) { o.number("ActiveKey", int64(active)) }, err
}
