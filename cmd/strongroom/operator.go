package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/term"

	"github.com/strongroom-dev/strongroom/internal/audit"
	auditfile "github.com/strongroom-dev/strongroom/internal/audit/file"
	"github.com/strongroom-dev/strongroom/internal/backup"
	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/keyring"
	"github.com/strongroom-dev/strongroom/internal/seal"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/store/bolt"
)

func operatorCommand() *cobra.Command {
	c := &cobra.Command{Use: "operator", Short: "Back up, restore, rotate the keyring"}
	c.AddCommand(backupCommand(), restoreCommand(), rotateKeyringCommand())
	return c
}

func rotateKeyringCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate-keyring",
		Short: "Seal what is written from now on with a new key; what is there stays readable",
		Args:  cobra.NoArgs,
		RunE: withClient(func(c *cobra.Command, cl *client, _ []string) error {
			var out struct{ ActiveKey int }
			if err := cl.call(c.Context(), "strongroom.RotateKeyring", struct{}{}, &out); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "The keyring's active key is now number %d.\n", out.ActiveKey)
			return nil
		}),
	}
}

func backupCommand() *cobra.Command {
	var recipients []string
	var out string
	var passphrase bool
	c := &cobra.Command{
		Use:   "backup --out FILE --recipient AGE-RECIPIENT",
		Short: "Write an encrypted snapshot of a running server",
		Long: `Write a consistent snapshot of a running server, encrypted with age. It holds
the store, sealed as it is, the audit log, and the wrapped root key, but not
the seal: keep the seal's key or shares apart from it.`,
		Args: cobra.NoArgs,
		RunE: withClient(func(c *cobra.Command, cl *client, _ []string) error {
			to, err := ageRecipients(recipients, passphrase)
			if err != nil {
				return err
			}
			if out == "" {
				return usagef("backup needs --out FILE")
			}
			body, err := cl.stream(c.Context(), "strongroom.Backup", struct{}{})
			if err != nil {
				return err
			}
			defer body.Close()
			n, err := writeBackup(out, body, to)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d bytes, encrypted. Try it: strongroom operator restore --data SOME-NEW-FOLDER --identity AGE-KEY-FILE --seal-key SEAL-KEY-FILE %s\n", out, n, out)
			return nil
		}),
	}
	c.Flags().StringVar(&out, "out", "", "file to write; it must not be there")
	c.Flags().StringSliceVar(&recipients, "recipient", nil, "age recipient (age1…) who can open it; may be given again")
	c.Flags().BoolVar(&passphrase, "passphrase", false, "encrypt with a passphrase, which is asked for")
	return c
}

func ageRecipients(names []string, passphrase bool) ([]age.Recipient, error) {
	if passphrase == (len(names) > 0) {
		return nil, usagef("a backup is encrypted: give either --recipient (age-keygen makes one) or --passphrase")
	}
	if passphrase {
		text, err := askPassphrase("Passphrase for the backup: ")
		if err != nil {
			return nil, err
		}
		r, err := age.NewScryptRecipient(text)
		return []age.Recipient{r}, err
	}
	var out []age.Recipient
	for _, n := range names {
		r, err := age.ParseX25519Recipient(n)
		if err != nil {
			return nil, usagef("--recipient: %w", err)
		}
		out = append(out, r)
	}
	return out, nil
}

// writeBackup writes the file under another name first, so that a part is
// never taken for the whole.
func writeBackup(path string, from io.Reader, to []age.Recipient) (n int64, err error) {
	if _, err := os.Stat(path); err == nil {
		return 0, fmt.Errorf("%s is there already; nothing was written", path)
	}
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(part))
		}
	}()
	w, err := age.Encrypt(f, to...)
	if err != nil {
		return 0, err
	}
	if n, err = io.Copy(w, from); err != nil {
		return 0, fmt.Errorf("the server did not finish the backup: %w", err)
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	return n, os.Rename(part, path)
}

type restoreOptions struct {
	data, identity, sealKey string
	passphrase, force       bool
}

func restoreCommand() *cobra.Command {
	var o restoreOptions
	c := &cobra.Command{
		Use:   "restore --data DIR --identity FILE BACKUP",
		Short: "Make a data folder of a backup, after checking it whole",
		Long: `Make a data folder of a backup. Before anything is put in place the whole of
it is checked: every entry is opened with the seal, and the audit log's tree is
computed anew. A folder that is there is replaced only with --force, and is
kept under another name.`,
		Args: exactly(1, "restore needs one backup"),
		RunE: func(c *cobra.Command, args []string) error {
			return o.run(c, args[0])
		},
	}
	c.Flags().StringVar(&o.data, "data", "", "folder to make")
	c.Flags().StringVar(&o.identity, "identity", "", "file with the age identity that opens it")
	c.Flags().BoolVar(&o.passphrase, "passphrase", false, "it was encrypted with a passphrase, which is asked for")
	c.Flags().StringVar(&o.sealKey, "seal-key", "", "file seal: the key's file (default DIR/seal.key)")
	c.Flags().BoolVar(&o.force, "force", false, "replace a folder that is there; it is renamed, not removed")
	return c
}

func (o *restoreOptions) run(c *cobra.Command, archive string) error {
	if o.data == "" {
		return usagef("restore needs --data DIR")
	}
	target := folder(filepath.Clean(o.data))
	if there, err := os.ReadDir(string(target)); !errors.Is(err, fs.ErrNotExist) && !o.force && (err != nil || len(there) > 0) {
		return fmt.Errorf("%s is there already: restore into another folder, or give --force, which keeps it under another name", target)
	}
	if same, err := filepath.Abs(archive); err == nil && o.force {
		if abs, err := filepath.Abs(string(target)); err == nil && abs == same {
			return usagef("%s is the backup itself", target)
		}
	}
	if o.sealKey == "" {
		o.sealKey = target.sealKey()
	}
	identities, err := o.identities()
	if err != nil {
		return err
	}
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	opened, err := age.Decrypt(f, identities...)
	if err != nil {
		return fmt.Errorf("%s cannot be decrypted: %w", archive, err)
	}
	if err := os.MkdirAll(filepath.Dir(string(target)), 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(string(target)), ".restore-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	x, err := backup.Extract(opened, tmp)
	if err != nil {
		return fmt.Errorf("%w: nothing was restored", err)
	}
	n, size, err := o.build(c, x, folder(tmp), target)
	if err != nil {
		return fmt.Errorf("%w: nothing was restored", err)
	}
	if err := o.place(tmp, target); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: restored %d entries and %d audit records, of %s.\n", target, n, size, x.Manifest.Created.Format(time.RFC3339))
	return nil
}

func (o *restoreOptions) identities() ([]age.Identity, error) {
	if o.passphrase == (o.identity != "") {
		return nil, usagef("give either --identity FILE or --passphrase")
	}
	if o.passphrase {
		text, err := askPassphrase("Passphrase of the backup: ")
		if err != nil {
			return nil, err
		}
		i, err := age.NewScryptIdentity(text)
		return []age.Identity{i}, err
	}
	f, err := os.Open(o.identity)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return age.ParseIdentities(f)
}

// build makes a data folder of what was extracted and checks all of it.
func (o *restoreOptions) build(c *cobra.Command, x *backup.Extracted, dir, target folder) (entries, records int64, err error) {
	if err := seal.WriteNew(dir.seal(), x.Seal); err != nil {
		return 0, 0, err
	}
	cfg, err := seal.Load(dir.seal())
	if err != nil {
		return 0, 0, err
	}
	s, err := unsealer(target, o.sealKey, c.InOrStdin())(cfg)
	if err != nil {
		return 0, 0, err
	}
	root, err := s.Unwrap(cfg.Wrapped)
	if err != nil {
		return 0, 0, err
	}
	defer root.Wipe()
	entries, err = fillStore(dir.store(), x.Entries)
	if err != nil {
		return 0, 0, err
	}
	if entries != x.Manifest.Entries {
		return 0, 0, fmt.Errorf("%w: it holds %d entries of %d", backup.ErrDamaged, entries, x.Manifest.Entries)
	}
	db, err := bolt.Open(dir.store())
	if err != nil {
		return 0, 0, err
	}
	h := &house{folder: dir, store: db, now: time.Now}
	ring, _, verifier, expect, err := h.keys(root)
	if err == nil {
		err = h.checkPublicKey()
	}
	if err == nil {
		err = checkEntries(c.Context(), db, ring)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return 0, 0, err
	}
	report, err := checkLog(dir, verifier, expect, x.Manifest.Size)
	if err != nil {
		return 0, 0, err
	}
	return entries, report.Head.Size, os.Remove(x.Entries)
}

func checkLog(dir folder, verifier note.Verifier, expect audit.Head, least int64) (*auditfile.Report, error) {
	report, err := auditfile.Verify(os.DirFS(dir.audit()), verifier, false, expect)
	if err == nil && report.Head.Size < least {
		err = fmt.Errorf("%w: the audit log has %d records of %d", backup.ErrDamaged, report.Head.Size, least)
	}
	return report, err
}

// fillStore writes the entries of a file into a new store.
func fillStore(path, entries string) (n int64, err error) {
	f, err := os.Open(entries)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	db, err := bolt.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r := bufio.NewReaderSize(f, 1<<20)
	for done := false; !done; {
		err := db.Update(context.Background(), func(w store.Writer) error {
			for range 10000 {
				e, err := core.ReadEntry(r)
				if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					done = true
					return nil
				}
				if err != nil {
					return fmt.Errorf("%w: %w", backup.ErrDamaged, err)
				}
				n++
				if err := w.Put(e.Key, e.Value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// checkEntries opens every entry that is sealed.
func checkEntries(ctx context.Context, db store.Store, ring *keyring.Ring) error {
	var buf []byte
	defer func() { clear(buf[:cap(buf)]) }()
	return db.View(ctx, func(r store.Reader) error {
		for e, err := range r.Scan(store.Range{}) {
			if err != nil {
				return err
			}
			if e.Key == gate.KeyringKey || len(e.Value) == 0 {
				continue
			}
			if buf, err = ring.Open(buf[:0], e.Key, e.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

// place puts a folder where it belongs; what was there is renamed. A seal's
// key in it stays where the server looks for it.
func (o *restoreOptions) place(tmp string, target folder) error {
	if _, err := os.Stat(string(target)); err == nil {
		release, err := holdFolder(target)
		if err != nil {
			return err
		}
		defer release()
		if key, err := os.ReadFile(target.sealKey()); err == nil {
			defer clear(key)
			if err := seal.WriteNew(folder(tmp).sealKey(), bytes.Clone(key)); err != nil {
				return err
			}
		}
		kept := fmt.Sprintf("%s.before-restore-%s", target, time.Now().UTC().Format("20060102T150405Z"))
		if err := os.Rename(string(target), kept); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "What was there is now %s\n", kept)
	}
	if err := os.Rename(tmp, string(target)); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(string(target)))
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.Sync()
}

// holdFolder keeps a server from serving the folder, and refuses one that is
// served: it would go on writing under the folder's name.
func holdFolder(target folder) (release func(), err error) {
	if _, err := os.Stat(target.store()); err != nil {
		return func() {}, nil
	}
	db, err := bolt.Open(target.store())
	switch {
	case errors.Is(err, bolt.ErrLocked):
		return nil, fmt.Errorf("a server serves %s: stop it first. Nothing was restored", target)
	case err != nil: // damaged: that is what restoring is for
		return func() {}, nil
	}
	return func() { _ = db.Close() }, nil
}

func askPassphrase(prompt string) (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		if p := os.Getenv("STRONGROOM_BACKUP_PASSPHRASE"); p != "" {
			return p, nil
		}
		return "", usagef("a passphrase is asked for on a terminal; elsewhere set STRONGROOM_BACKUP_PASSPHRASE or use age keys instead")
	}
	fmt.Fprint(os.Stderr, prompt)
	b, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err == nil && len(b) == 0 {
		err = errors.New("the passphrase is empty")
	}
	return string(b), err
}
