package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/strongroom-dev/strongroom/internal/audit"
	auditfile "github.com/strongroom-dev/strongroom/internal/audit/file"
	"github.com/strongroom-dev/strongroom/internal/backup"
	"github.com/strongroom-dev/strongroom/proof"
)

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Read and verify the audit log",
		Long: `Read and verify the audit log, of a running server or, with --data, in a data
folder, whether it is served or not.`,
	}
	var data string
	c.PersistentFlags().StringVar(&data, "data", "", "read this data folder, without a server")
	c.AddCommand(auditTail(&data), auditShow(&data), auditVerify(&data))
	return c
}

// indexed is a record and its place.
type indexed struct {
	Index  int64
	Record json.RawMessage
}

// records reads records: from an index on, or the last few if it is negative.
func records(ctx context.Context, data string, from int64, most int, id string) (found []indexed, next int64, err error) {
	if data != "" {
		return recordsInFolder(folder(data), from, most, id)
	}
	cl, err := newClient()
	if err != nil {
		return nil, 0, err
	}
	in := map[string]any{"From": from, "MaxResults": most}
	if id != "" {
		in["RecordId"] = id
	}
	var page struct {
		Records []indexed
		Next    int64
	}
	err = cl.call(ctx, "strongroom.ReadAudit", in, &page)
	return page.Records, page.Next, err
}

func recordsInFolder(dir folder, from int64, most int, id string) (found []indexed, next int64, err error) {
	begin := max(from, 0)
	next = begin
	for e, err := range auditfile.Scan(os.DirFS(dir.audit()), begin) {
		if err != nil {
			return nil, 0, err
		}
		next = e.Index + 1
		if id != "" {
			if s, err := audit.Parse(e.Record); err != nil || s.ID != id {
				continue
			}
		}
		found = append(found, indexed{e.Index, bytes.Clone(e.Record)})
		if from < 0 && len(found) > most {
			found = found[1:]
		} else if from >= 0 && len(found) == most {
			break
		}
	}
	return found, next, nil
}

func auditTail(data *string) *cobra.Command {
	var n int
	var follow, asJSON bool
	c := &cobra.Command{
		Use:   "tail",
		Short: "Print the last records",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			found, next, err := records(c.Context(), *data, -1, n, "")
			for err == nil {
				for _, r := range found {
					printRecord(c.OutOrStdout(), r, asJSON)
				}
				if !follow {
					return nil
				}
				select {
				case <-c.Context().Done():
					return nil
				case <-time.After(time.Second):
				}
				found, next, err = records(c.Context(), *data, next, 1000, "")
				found = withoutOwn(found)
			}
			return err
		},
	}
	c.Flags().IntVarP(&n, "lines", "n", 20, "how many")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing what comes")
	c.Flags().BoolVar(&asJSON, "json", false, "print the records as they are")
	return c
}

// withoutOwn leaves out the records of following itself: each look at the log
// is recorded, and would be all that there is to see.
func withoutOwn(found []indexed) []indexed {
	var out []indexed
	for _, r := range found {
		if s, err := audit.Parse(r.Record); err != nil || s.Verb != "ReadAudit" || s.Outcome != "ok" {
			out = append(out, r)
		}
	}
	return out
}

func printRecord(w io.Writer, r indexed, asJSON bool) {
	s, err := audit.Parse(r.Record)
	if asJSON || err != nil {
		fmt.Fprintf(w, "%s\n", r.Record)
		return
	}
	fmt.Fprintf(w, "%s  %-16s %-15s %s  %s  %s\n", s.Time.Format("2006-01-02 15:04:05.000Z"), s.Verb, s.Outcome, s.Resource, s.Caller, s.ID)
}

func auditShow(data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Print one record whole",
		Args:  exactly(1, "show needs the ID of one record"),
		RunE: func(c *cobra.Command, args []string) error {
			found, _, err := records(c.Context(), *data, 0, 1, args[0])
			if err != nil {
				return err
			}
			if len(found) == 0 {
				return fmt.Errorf("there is no record %s (yet: the record of a write takes up to a second to arrive)", args[0])
			}
			return printJSON(c.OutOrStdout(), found[0])
		},
	}
}

func auditVerify(data *string) *cobra.Command {
	var id, key string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Compute the log's tree anew and check every checkpoint",
		Long: `Compute the log's tree anew from its records and check every checkpoint's
signature and root: a record that was cut out, changed or moved shows.

--key gives the public key that strongroom init printed. Without it the key
beside the log is believed, and so is whoever could replace both.

--record prints the record of that ID and the proof that it is in the log,
which the Go package github.com/strongroom-dev/strongroom/proof checks.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, done, err := auditFolder(c.Context(), *data)
			if err != nil {
				return err
			}
			defer done()
			return verify(c, os.DirFS(dir), id, key)
		},
	}
	c.Flags().StringVar(&id, "record", "", "print the proof of this record")
	c.Flags().StringVar(&key, "key", "", "the log's public key")
	return c
}

// auditFolder is the folder of the log: that of a data folder, or a copy of a
// running server's.
func auditFolder(ctx context.Context, data string) (dir string, done func(), err error) {
	if data != "" {
		return folder(data).audit(), func() {}, nil
	}
	cl, err := newClient()
	if err != nil {
		return "", nil, err
	}
	body, err := cl.stream(ctx, "strongroom.ExportAudit", struct{}{})
	if err != nil {
		return "", nil, err
	}
	defer body.Close()
	dir, err = os.MkdirTemp("", "strongroom-audit-")
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(dir) }
	if err := backup.ExtractAudit(body, dir); err != nil {
		done()
		return "", nil, err
	}
	return dir, done, nil
}

func verify(c *cobra.Command, dir fs.FS, id, key string) error {
	pinned := key != ""
	if !pinned {
		text, err := fs.ReadFile(dir, filepath.Base(folder("").auditKey()))
		if err != nil {
			return fmt.Errorf("there is no audit log here: %w", err)
		}
		key = strings.TrimSpace(string(text))
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return usagef("the log's public key: %w", err)
	}
	report, err := auditfile.Verify(dir, verifier, id != "")
	if err != nil {
		return err
	}
	if id != "" {
		return prove(c.OutOrStdout(), dir, verifier, report, id)
	}
	fmt.Fprintf(c.OutOrStdout(), "The log is whole: %d records in %d segments, root %s.\n", report.Head.Size, report.Segments, hex.EncodeToString(report.Head.Root[:]))
	fmt.Fprintf(c.OutOrStdout(), "%d checkpoints are right; the last one covers %d records.\n", report.Checkpoints, report.Signed)
	if !pinned {
		fmt.Fprintf(c.OutOrStdout(), "The key was the one beside the log, %s: compare it with the one that init printed, or give that with --key.\n", key)
	}
	return nil
}

// prove prints a record and the proof that it is in the log.
func prove(w io.Writer, dir fs.FS, verifier note.Verifier, report *auditfile.Report, id string) error {
	for e, err := range auditfile.Scan(dir, 0) {
		if err != nil {
			return err
		}
		if s, err := audit.Parse(e.Record); err != nil || s.ID != id {
			continue
		}
		cp, err := auditfile.LastCheckpoint(dir)
		if err != nil {
			return err
		}
		head, err := audit.OpenCheckpoint(verifier, cp)
		if err != nil {
			return err
		}
		hashes, err := report.Prove(head.Size, e.Index)
		if err != nil {
			return err
		}
		p := proof.Proof{Index: e.Index, Hashes: hashes, Checkpoint: cp}
		fmt.Fprintf(w, "%s\n\n%s", e.Record, p.Format())
		return nil
	}
	return fmt.Errorf("there is no record %s", id)
}
