package identity

import (
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/keyring"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/hcl"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Stamp changes whenever what is stored does; what is derived from it may be
// kept under it.
type Stamp [keyring.HeadLen]byte

// bound is what binds a user or role, as it was at the stamp.
type bound struct {
	stamp   Stamp
	entity  *Entity
	arn     string
	facts   *facts
	program *policy.Program
}

// stampOf is when the account was changed last.
func stampOf(tx *gate.Tx, account string) (Stamp, error) {
	return stampAt(tx, changedKey(account))
}

func stampAt(tx *gate.Tx, changed string) (Stamp, error) {
	sealed, err := tx.Get(changed)
	if err != nil || len(sealed) < keyring.HeadLen {
		return Stamp{}, err
	}
	return Stamp(sealed), nil
}

// bind finds a user or role with all that binds it; ok is false if there is
// none of that name and unique ID.
func (d *Directory) bind(tx *gate.Tx, account string, k secret.Kind, name, id string) (b bound, ok bool, err error) {
	stamp, err := stampOf(tx, account)
	if err != nil {
		return bound{}, false, err
	}
	if b, ok := d.programs.get(id); ok && b.stamp == stamp && stamp != (Stamp{}) {
		return b, true, nil
	}
	e, err := d.entity(tx, account, k, name)
	if err != nil || e == nil || e.ID != id {
		return bound{}, false, err
	}
	blocks, err := d.blocks(tx, account, e)
	if err != nil {
		return bound{}, false, err
	}
	b = bound{stamp: stamp, entity: e, arn: e.ARN(account), program: policy.New(blocks...)}
	b.facts = &facts{arn: b.arn, account: account, userID: e.ID, tags: e.Tags, kind: "AssumedRole"}
	if k == secret.KindUser {
		b.facts.userName, b.facts.kind = e.Name, "User"
	}
	d.programs.put(id, b)
	return b, true, nil
}

// blocks compiles the policies of a user or role, of its groups, and its
// boundary.
func (d *Directory) blocks(tx *gate.Tx, account string, e *Entity) ([]policy.Block, error) {
	blocks, err := d.attachedTo(tx, e)
	if err != nil {
		return nil, err
	}
	for _, name := range e.Groups {
		g, err := d.entity(tx, account, secret.KindGroup, name)
		if err != nil {
			return nil, err
		}
		if g == nil {
			continue
		}
		more, err := d.attachedTo(tx, g)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, more...)
	}
	if e.Boundary != "" {
		b, err := d.managedBlock(tx, e.Boundary, policy.Boundary)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

func (d *Directory) attachedTo(tx *gate.Tx, e *Entity) (blocks []policy.Block, err error) {
	for _, i := range e.Inline {
		b, err := compile(i.Document, "policy "+i.Name+" of "+kindWords[e.Kind]+" "+e.Name, policy.Identity)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
	}
	for _, full := range e.Attached {
		b, err := d.managedBlock(tx, full, policy.Identity)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// managedBlock compiles a managed policy. One that is gone, as a boundary can
// be, allows nothing.
func (d *Directory) managedBlock(tx *gate.Tx, full string, l policy.Layer) (policy.Block, error) {
	if account, name, ok := aclOfARN(full); ok {
		return d.aclBlock(tx, account, name, hcl.Nobody)
	}
	account, name, err := splitPolicyARN(full)
	if err != nil {
		return policy.Block{}, err
	}
	p, err := d.anyPolicy(tx, account, name)
	if err != nil || p == nil || p.ARN(account) != full {
		return policy.Block{Layer: l}, err
	}
	return compile(p.version(p.Default).Document, "policy "+full, l)
}

func compile(text, name string, l policy.Layer) (policy.Block, error) {
	doc, err := iam.Parse([]byte(text), iam.IdentityPolicy)
	if err != nil {
		return policy.Block{}, err
	}
	return doc.Compile(name, l, nil), nil
}
