package core

import (
	"context"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// folderRef is the ref of a folder, whose name ends in a slash or is empty.
func folderRef(s secret.Space, folder string) secret.Ref {
	return secret.Ref{Space: s, Kind: secret.KindFolder, Name: folder}
}

// ListFolderInput asks for the names right below a folder, which ends in a slash
// or is empty.
type ListFolderInput struct {
	Space  secret.Space
	Folder string
	After  string // the last name of the page before
	Max    int    // zero for all
}

// ListFolder lists names, in order; those of folders end in a slash. Whoever may
// list a folder sees all names in it. It fails with NotFound if nothing is
// there.
func (c *Core) ListFolder(ctx context.Context, who Caller, in ListFolderInput) ([]string, error) {
	return gate.Do(ctx, c.gate, who, secret.ListFolder, folderRef(in.Space, in.Folder), func(tx *gate.Tx, _ secret.Ref) ([]string, error) {
		names, err := c.namesIn(tx, in)
		if err == nil && len(names) == 0 && in.After == "" {
			err = fault.New(fault.NotFound, "nothing is there")
		}
		return names, err
	})
}

func (c *Core) namesIn(tx *gate.Tx, in ListFolderInput) ([]string, error) {
	prefix := secretKey(in.Space, in.Folder)
	r := store.Prefix(prefix)
	if in.After != "" {
		r.From = prefix + in.After + "\x00"
		if strings.HasSuffix(in.After, "/") {
			r.From = store.After(prefix + in.After)
		}
	}
	var names []string
	for {
		again := false
		for e, err := range tx.Scan(r) {
			if err != nil {
				return nil, err
			}
			name := e.Key[len(prefix):]
			folder, _, inFolder := strings.Cut(name, "/")
			if i := strings.Index(name, valueMark); i >= 0 && (!inFolder || i < len(folder)) {
				continue // the values of a secret here
			}
			if in.Max > 0 && len(names) == in.Max {
				return names, nil
			}
			if !inFolder {
				names = append(names, name)
				continue
			}
			names = append(names, folder+"/")
			r.From, again = store.After(prefix+folder+"/"), true // what is in it, is not looked at
			break
		}
		if !again {
			return names, nil
		}
	}
}

// maxScan bounds what one ScanFolder gives.
const maxScan = 100_000

// ScanFolder lists the names of all secrets below a folder, at any depth,
// without the folder's own name. Folders that the caller may not scan are left
// out. It fails with NotFound if nothing is there, or Limit.
func (c *Core) ScanFolder(ctx context.Context, who Caller, s secret.Space, folder string) ([]string, error) {
	return gate.Do(ctx, c.gate, who, secret.ScanFolder, folderRef(s, folder), func(tx *gate.Tx, _ secret.Ref) ([]string, error) {
		var all []string
		var walk func(below string) error
		walk = func(below string) error {
			names, err := c.namesIn(tx, ListFolderInput{Space: s, Folder: folder + below})
			if err != nil {
				return err
			}
			for _, n := range names {
				if !strings.HasSuffix(n, "/") {
					all = append(all, below+n)
				} else if tx.May(secret.ScanFolder, gate.Found{Ref: folderRef(s, folder+below+n)}) {
					if err := walk(below + n); err != nil {
						return err
					}
				}
				if len(all) > maxScan {
					return fault.New(fault.Limit, "more than %d secrets are there: scan folders of it", maxScan)
				}
			}
			return nil
		}
		err := walk("")
		if err == nil && len(all) == 0 {
			err = fault.New(fault.NotFound, "nothing is there")
		}
		return all, err
	})
}

// CopySecretInput says what is copied where.
type CopySecretInput struct {
	From, To secret.Ref
	Token    string // the ID of the new version
	Follows  *uint64
	Move     bool // and the source is deleted
}

// CopySecret writes the current value and the tags of a secret to another one,
// as a new version, without showing the value to whoever asks. It wants the
// right to copy the one, to write the other, and, to move it, to delete the
// first. It fails with NotFound, and as WriteVersion does.
func (c *Core) CopySecret(ctx context.Context, who Caller, in CopySecretInput) (Numbered, error) {
	return gate.Do(ctx, c.gate, who, secret.CopySecret, in.From, func(tx *gate.Tx, ref secret.Ref) (Numbered, error) {
		from, err := live(tx)
		if err != nil {
			return Numbered{}, err
		}
		v := from.At(secret.Current)
		if v == nil || !v.Shows(secret.InstantOf(tx.Now())) {
			return Numbered{}, noVersion()
		}
		to, err := c.resolve(tx, in.To)
		if err != nil {
			return Numbered{}, err
		}
		if to.Secret == from {
			return Numbered{}, fault.New(fault.Invalid, "the secret is there already")
		}
		sec, err := c.target(tx, &to)
		if err != nil {
			return Numbered{}, err
		}
		value, err := c.valueOf(tx, ref.Space, from, v)
		if err != nil {
			return Numbered{}, err
		}
		defer value.Wipe()
		sec.SetTags(from.Tags)
		if err := checkTags(sec); err != nil {
			return Numbered{}, err
		}
		out, err := c.writeVersion(tx, to.Ref, to.Secret, sec, WriteVersionInput{Token: in.Token, Follows: in.Follows, Keep: secret.UsualVersions}, Content{value, v.Form})
		if err != nil || !in.Move {
			return out, err
		}
		if err := tx.Must(secret.DeleteSecret, gate.Found{Ref: ref, Secret: from}); err != nil {
			return Numbered{}, err
		}
		if err := mayDelete(ref, from); err != nil {
			return Numbered{}, err
		}
		return out, c.erase(tx, ref.Space, from)
	})
}

// target is a copy of the secret that is written to, or a new one.
func (c *Core) target(tx *gate.Tx, to *gate.Found) (*secret.Secret, error) {
	if to.Secret == nil {
		if err := checkName(to.Ref.Name); err != nil {
			return nil, err
		}
		to.Ref.Suffix = NewSuffix()
		now := secret.InstantOf(tx.Now())
		for _, v := range []secret.Verb{secret.CreateSecret, secret.PutValue} {
			if err := tx.Must(v, gate.Found{Ref: to.Ref}); err != nil {
				return nil, err
			}
		}
		return &secret.Secret{Name: to.Ref.Name, Suffix: to.Ref.Suffix, Created: now, Changed: now}, nil
	}
	if err := tx.Must(secret.PutValue, *to); err != nil {
		return nil, err
	}
	switch {
	case to.Secret.IsDeleted():
		return nil, markedDeleted()
	case to.Secret.IsReplica():
		return nil, errReplica()
	}
	return to.Secret.Clone(), nil
}
