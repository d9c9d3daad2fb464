package identity

import (
	"crypto/rand"
	"encoding/base32"
	"slices"

	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// The keys of the store. Names are unique without regard to case, and so in
// lower case in keys.
//
//	iam/ACCOUNT/user|group|role/NAME   an Entity
//	iam/ACCOUNT/policy/NAME            a Policy
//	iam/ACCOUNT/changed                written with each change of any of them
//	credential/ID                      an access key
const (
	iamPrefix        = "iam/"
	credentialPrefix = "credential/"
)

var kindWords = map[secret.Kind]string{
	secret.KindUser: "user", secret.KindGroup: "group", secret.KindRole: "role", secret.KindPolicy: "policy",
}

func kindPrefix(account string, k secret.Kind) string {
	return iamPrefix + account + "/" + kindWords[k] + "/"
}

func rowKey(account string, k secret.Kind, name string) string {
	return kindPrefix(account, k) + fold.Lower(name)
}

func changedKey(account string) string { return iamPrefix + account + "/changed" }

// Entity is a user, a group or a role. One that came from the store is shared:
// clone it to change it.
type Entity struct {
	Kind     secret.Kind    `cbor:"1,keyasint"`
	Name     string         `cbor:"2,keyasint"`
	Path     string         `cbor:"3,keyasint"` // begins and ends with a slash
	ID       string         `cbor:"4,keyasint"` // never used twice
	Created  secret.Instant `cbor:"5,keyasint"`
	Tags     []secret.Tag   `cbor:"6,keyasint,omitempty"`
	Inline   []Inline       `cbor:"7,keyasint,omitempty"`
	Attached []string       `cbor:"8,keyasint,omitempty"` // ARNs of managed policies
	Boundary string         `cbor:"9,keyasint,omitempty"` // ARN of a managed policy

	Groups []string `cbor:"10,keyasint,omitempty"` // of a user
	Keys   []string `cbor:"11,keyasint,omitempty"` // of a user: IDs of access keys

	Trust       string            `cbor:"12,keyasint,omitempty"` // of a role: who may assume it
	TrustNames  map[string]string `cbor:"13,keyasint,omitempty"` // whom that named when it was written
	Description string            `cbor:"14,keyasint,omitempty"`
	MaxSession  int64             `cbor:"15,keyasint,omitempty"` // seconds

}

// Inline is a policy that is part of its entity.
type Inline struct {
	Name     string `cbor:"1,keyasint"`
	Document string `cbor:"2,keyasint"`
}

// ARN is the entity's.
func (e *Entity) ARN(account string) string {
	return arn.Resource(secret.Ref{Kind: e.Kind, Space: secret.Space{Account: account}, Name: e.Path + e.Name})
}

func (e *Entity) clone() *Entity {
	c := *e
	c.Tags, c.Inline, c.Attached = slices.Clone(e.Tags), slices.Clone(e.Inline), slices.Clone(e.Attached)
	c.Groups, c.Keys = slices.Clone(e.Groups), slices.Clone(e.Keys)

	return &c
}

// trust is the compiled trust policy.
func (e *Entity) trust() *policy.Program {
	if e.Trust == "" {
		return nil
	}
	doc, err := iam.Parse([]byte(e.Trust), iam.TrustPolicy)
	if err != nil { // it was parsed when it was written
		return nil
	}
	return policy.New(doc.Compile("the trust policy of role "+e.Name, policy.Resource, e.TrustNames))
}

// Policy is a managed policy.
type Policy struct {
	Name        string         `cbor:"1,keyasint"`
	Path        string         `cbor:"2,keyasint"`
	ID          string         `cbor:"3,keyasint"`
	Description string         `cbor:"4,keyasint,omitempty"`
	Created     secret.Instant `cbor:"5,keyasint"`
	Updated     secret.Instant `cbor:"6,keyasint"`
	Tags        []secret.Tag   `cbor:"7,keyasint,omitempty"`
	Versions    []Version      `cbor:"8,keyasint"`
	Default     string         `cbor:"9,keyasint"`
	Last        int            `cbor:"10,keyasint"` // the number of the newest version
}

// Version is one version of a managed policy: "v1", "v2"…
type Version struct {
	ID       string         `cbor:"1,keyasint"`
	Document string         `cbor:"2,keyasint"`
	Created  secret.Instant `cbor:"3,keyasint"`
}

func (p *Policy) version(id string) *Version {
	for i := range p.Versions {
		if p.Versions[i].ID == id {
			return &p.Versions[i]
		}
	}
	return nil
}

// ARN is the policy's.
func (p *Policy) ARN(account string) string { return arn.IAM(account, "policy", p.Path+p.Name) }

func (p *Policy) clone() *Policy {
	c := *p
	c.Tags, c.Versions = slices.Clone(p.Tags), slices.Clone(p.Versions)
	return &c
}

// entity finds a user, group or role; nil if there is none.
func (d *Directory) entity(tx *gate.Tx, account string, k secret.Kind, name string) (*Entity, error) {
	e, _, err := d.entities.Load(tx, rowKey(account, k, name))
	return e, err
}

// policy finds a managed policy of the account's own; nil if there is none.
func (d *Directory) policy(tx *gate.Tx, account, name string) (*Policy, error) {
	p, _, err := d.policies.Load(tx, rowKey(account, secret.KindPolicy, name))
	return p, err
}

// save writes a row, and notes that the account's programs are to be made anew.
func save(tx *gate.Tx, account string, k secret.Kind, name string, row any) error {
	text, err := stored.Encode(row)
	if err != nil {
		return err
	}
	if err := tx.Put(rowKey(account, k, name), text); err != nil {
		return err
	}
	return changed(tx, account)
}

func remove(tx *gate.Tx, account string, k secret.Kind, name string) error {
	if err := tx.Delete(rowKey(account, k, name)); err != nil {
		return err
	}
	return changed(tx, account)
}

func changed(tx *gate.Tx, account string) error {
	return tx.Put(changedKey(account), []byte{1})
}

func saveEntity(tx *gate.Tx, account string, e *Entity) error {
	return save(tx, account, e.Kind, e.Name, e)
}

// each walks the entities of a kind by name, until fn gives false.
func (d *Directory) each(tx *gate.Tx, account string, k secret.Kind, fn func(*Entity) (bool, error)) error {
	for row, err := range tx.Scan(store.Prefix(kindPrefix(account, k))) {
		if err != nil {
			return err
		}
		e, err := d.entities.Decode(tx, row.Key, row.Value)
		if err != nil {
			return err
		}
		if more, err := fn(e); err != nil || !more {
			return err
		}
	}
	return nil
}

// The beginnings of unique IDs, by which AWS's users know what they see.
var idPrefixes = map[secret.Kind]string{
	secret.KindUser: "AIDA", secret.KindGroup: "AGPA", secret.KindRole: "AROA", secret.KindPolicy: "ANPA",
}

func newID(prefix string) string {
	var b [10]byte
	_, _ = rand.Read(b[:])
	return prefix + base32.StdEncoding.EncodeToString(b[:])
}

func actionsOf(verbs []secret.Verb) []string {
	out := make([]string, len(verbs))
	for i, v := range verbs {
		out[i] = arn.Action(v)
	}
	return out
}
