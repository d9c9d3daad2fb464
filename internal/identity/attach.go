package identity

import (
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// inlineTotal bounds the inline policies of one entity, in characters.
var inlineTotal = map[secret.Kind]int{secret.KindUser: 2048, secret.KindGroup: 5120, secret.KindRole: 10240}

// parse checks a document of a kind, and its length, in which white space does
// not count.
func parse(text string, k iam.Kind, longest int) (*iam.Document, error) {
	doc, err := iam.Parse([]byte(text), k)
	if bad, ok := errors.AsType[*iam.Error](err); ok {
		return nil, fault.Wrap(fault.Invalid, ErrMalformedPolicy, "%s", bad.Error())
	}
	if n := size(text); n > longest {
		return nil, fault.New(fault.Limit, "Cannot exceed quota for PolicySize: %d", longest)
	}
	return doc, err
}

// size is the length of a document without white space.
func size(text string) int {
	n := 0
	for _, r := range text {
		if !strings.ContainsRune(" \t\r\n", r) {
			n++
		}
	}
	return n
}

// NameAll finds the unique IDs of the principals that a document names. It
// fails if there is no such user or role.
func (d *Directory) NameAll(tx *gate.Tx, doc *iam.Document) (iam.Naming, error) {
	names := iam.Naming{}
	for _, p := range doc.Principals() {
		full, session := p.Entity()
		e, err := d.byARN(tx, full)
		if session != "" && err == nil { // the ARN of a session has not the role's path
			account, _, _ := strings.Cut(strings.TrimPrefix(full, "arn:aws:iam::"), ":")
			e, err = d.entity(tx, account, secret.KindRole, full[strings.LastIndexByte(full, '/')+1:])
		}
		if err != nil {
			return nil, err
		}
		if e == nil {
			return nil, fault.Wrap(fault.Invalid, ErrMalformedPolicy, "Invalid principal in policy: %q:%q", p.Type, p.Name)
		}
		names[full] = e.ID
	}
	return names, nil
}

// byARN finds a user or role by its ARN; nil if there is none. The path counts.
func (d *Directory) byARN(tx *gate.Tx, full string) (*Entity, error) {
	rest, ok := strings.CutPrefix(full, "arn:aws:iam::")
	account, rest, _ := strings.Cut(rest, ":")
	word, path, found := strings.Cut(rest, "/")
	kind := map[string]secret.Kind{"user": secret.KindUser, "role": secret.KindRole}[word]
	if !ok || !found || kind == secret.KindNone {
		return nil, nil
	}
	e, err := d.entity(tx, account, kind, path[strings.LastIndexByte(path, '/')+1:])
	if err != nil || e == nil || e.Path+e.Name != "/"+path {
		return nil, err
	}
	return e, nil
}

func (e *Entity) inline(name string) int {
	return slices.IndexFunc(e.Inline, func(i Inline) bool { return i.Name == name })
}

func (j *job) noInline() error {
	return fault.New(fault.NotFound, "The %s policy with name %s cannot be found.", kindWords[j.kind], j.in.PolicyName)
}

func (j *job) putInline() error {
	if _, err := parse(j.in.Document, iam.IdentityPolicy, math.MaxInt); err != nil {
		return err
	}
	return j.edit(func(e *Entity) error {
		if i := e.inline(j.in.PolicyName); i >= 0 {
			e.Inline[i].Document = j.in.Document
		} else {
			e.Inline = append(e.Inline, Inline{Name: j.in.PolicyName, Document: j.in.Document})
		}
		total := 0
		for _, i := range e.Inline {
			total += size(i.Document)
		}
		if most := inlineTotal[j.kind]; total > most {
			return fault.New(fault.Limit, "Maximum policy size of %d bytes exceeded for %s %s", most, kindWords[j.kind], e.Name)
		}
		return nil
	})
}

func (j *job) getInline() error {
	e, err := j.load()
	if err != nil {
		return err
	}
	i := e.inline(j.in.PolicyName)
	if i < 0 {
		return j.noInline()
	}
	j.out.Entity, j.out.Names, j.out.Document = e, []string{e.Inline[i].Name}, e.Inline[i].Document
	return nil
}

func (j *job) deleteInline() error {
	return j.edit(func(e *Entity) error {
		i := e.inline(j.in.PolicyName)
		if i < 0 {
			return j.noInline()
		}
		e.Inline = slices.Delete(e.Inline, i, i+1)
		return nil
	})
}

func (j *job) listInline() error {
	e, err := j.load()
	if err != nil {
		return err
	}
	for _, i := range e.Inline {
		j.out.Names = append(j.out.Names, i.Name)
	}
	slices.Sort(j.out.Names)
	return nil
}

// attachable finds a policy that is to be attached.
func (j *job) attachable(full string) error {
	if account, name, ok := aclOfARN(full); ok {
		return j.aclAttachable(account, name, full)
	}
	account, name, err := splitPolicyARN(full)
	if err != nil {
		return err
	}
	p, err := j.anyPolicy(j.tx, account, name)
	if err == nil && (p == nil || p.ARN(account) != full || account != j.account && account != managedAccount) {
		err = noSuchPolicy(full)
	}
	return err
}

func noSuchPolicy(full string) error {
	return fault.Wrap(fault.NotFound, ErrNotAttachable, "Policy %s does not exist or is not attachable.", full)
}

// aclAttachable finds an ACL policy that is to be attached.
func (j *job) aclAttachable(account, name, full string) error {
	a, err := j.acl(j.tx, account, name)
	if err == nil && (a == nil || a.Name != name || account != j.account) {
		err = noSuchPolicy(full)
	}
	return err
}

func (j *job) attach() error {
	if err := j.attachable(j.in.PolicyARN); err != nil {
		return err
	}
	return j.edit(func(e *Entity) error {
		if slices.Contains(e.Attached, j.in.PolicyARN) {
			return nil
		}
		if len(e.Attached) >= maxAttached {
			return limit("PoliciesPer"+kindTitles[j.kind], maxAttached)
		}
		e.Attached = append(e.Attached, j.in.PolicyARN)
		return nil
	})
}

func (j *job) detach() error {
	return j.edit(func(e *Entity) error {
		i := slices.Index(e.Attached, j.in.PolicyARN)
		if i < 0 {
			return fault.New(fault.NotFound, "Policy %s was not found.", j.in.PolicyARN)
		}
		e.Attached = slices.Delete(e.Attached, i, i+1)
		return nil
	})
}

func (j *job) listAttached() error {
	e, err := j.load()
	if err != nil {
		return err
	}
	for _, full := range e.Attached {
		if path := full[strings.LastIndexByte(full, ':')+1:]; strings.HasPrefix(strings.TrimPrefix(path, "policy"), orSlash(j.in.PathPrefix)) {
			j.out.Attached = append(j.out.Attached, Attached{Name: full[strings.LastIndexByte(full, '/')+1:], ARN: full})
		}
	}
	return nil
}

func orSlash(s string) string {
	if s == "" {
		return "/"
	}
	return s
}

func (j *job) setBoundary(e *Entity, full string) error {
	if _, _, ok := aclOfARN(full); ok {
		return noSuchPolicy(full) // what Vault's policies do not speak of, a boundary would have to
	}
	if err := j.attachable(full); err != nil {
		return err
	}
	e.Boundary = full
	return nil
}

func (j *job) putBoundary() error {
	return j.edit(func(e *Entity) error { return j.setBoundary(e, j.in.Boundary) })
}

func (j *job) deleteBoundary() error {
	return j.edit(func(e *Entity) error {
		if e.Boundary == "" {
			return fault.New(fault.NotFound, "The %s with name %s does not have a permissions boundary.", kindWords[j.kind], e.Name)
		}
		e.Boundary = ""
		return nil
	})
}
