package identity

import (
	"cmp"
	"encoding/base64"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// token is what a session token holds, sealed under the keyring: the house
// keeps nothing of a session but what the client carries.
type token struct {
	AccessKey  string         `cbor:"1,keyasint"`
	Secret     []byte         `cbor:"2,keyasint"`
	Account    string         `cbor:"3,keyasint"`
	Kind       secret.Kind    `cbor:"4,keyasint"`
	Name       string         `cbor:"5,keyasint"` // of the user or role
	ID         string         `cbor:"6,keyasint"`
	Session    string         `cbor:"7,keyasint,omitempty"` // of a role's session
	Issued     secret.Instant `cbor:"8,keyasint"`
	Expires    secret.Instant `cbor:"9,keyasint"`
	Policies   []string       `cbor:"10,keyasint,omitempty"` // session policies
	Tags       []secret.Tag   `cbor:"11,keyasint,omitempty"`
	Transitive []string       `cbor:"12,keyasint,omitempty"` // keys of the tags that further sessions inherit
	Source     string         `cbor:"13,keyasint,omitempty"` // SourceIdentity
	// Root is the long-term access key at the beginning of the chain: with it
	// the session ends.
	Root      string `cbor:"14,keyasint,omitempty"`
	Federated string `cbor:"15,keyasint,omitempty"`
	// Provider is the identity provider at the beginning of the chain, and
	// Through are those whose sessions are between: with any of them the
	// session ends.
	Provider string    `cbor:"16,keyasint,omitempty"`
	Through  []through `cbor:"17,keyasint,omitempty"`
}

// through is a user or role in a chain.
type through struct {
	Kind secret.Kind `cbor:"1,keyasint"`
	Name string      `cbor:"2,keyasint"`
	ID   string      `cbor:"3,keyasint"`
}

// sealedAs is the name under which tokens are sealed.
const sealedAs = "sts/token"

// maxToken bounds a token, in bytes: it travels in a header of every request.
const maxToken = 12 << 10

// session is what is kept of a token that was seen: all but the secret key.
type session struct {
	token   token
	stamp   Stamp
	of      Stamp // of the account when program was made
	entity  *Entity
	program *policy.Program
	facts   *facts
}

// Credentials are a session's. Whoever gets them wipes the secret.
type Credentials struct {
	AccessKey string
	Secret    plain.Value
	Token     string
	Expires   secret.Instant
}

// seal makes the credentials of a session.
func (t *token) seal(tx *gate.Tx, lasts time.Duration) (Credentials, error) {
	key := NewSecretKey()
	t.AccessKey, t.Secret = NewAccessKeyID("ASIA"), key.Open()
	t.Issued = secret.InstantOf(tx.Now())
	t.Expires = secret.InstantOf(tx.Now().Add(lasts))
	text, err := cbor.Marshal(t)
	if err != nil {
		return Credentials{}, err
	}
	defer clear(text)
	sealed := tx.Seal(sealedAs, text)
	if len(sealed) > maxToken {
		return Credentials{}, fault.Wrap(fault.Invalid, ErrTooLargeToken, "Packed size of session policies and tags exceeds the limit.")
	}
	return Credentials{AccessKey: t.AccessKey, Secret: key, Token: base64.StdEncoding.EncodeToString(sealed), Expires: t.Expires}, nil
}

// openToken opens what seal made. The caller wipes the Secret.
func openToken(tx *gate.Tx, text string) (*token, Stamp, error) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sealed) < len(Stamp{}) || len(sealed) > maxToken {
		return nil, Stamp{}, unknownKey()
	}
	opened, err := tx.Open(sealedAs, sealed)
	if err != nil {
		return nil, Stamp{}, unknownKey()
	}
	defer opened.Wipe()
	t := new(token)
	if err := cbor.Unmarshal(opened.Open(), t); err != nil {
		return nil, Stamp{}, unknownKey()
	}
	return t, Stamp(sealed), nil
}

// bySession authenticates by a session's credentials.
func (d *Directory) bySession(tx *gate.Tx, claim Credential) (Caller, error) {
	s, known := d.sessions.get(claim.Token())
	if !known {
		t, stamp, err := openToken(tx, claim.Token())
		if err != nil {
			return Caller{}, err
		}
		clear(t.Secret)
		t.Secret = nil
		s = session{token: *t, stamp: stamp}
	}
	if s.token.AccessKey != claim.AccessKey() {
		return Caller{}, unknownKey()
	}
	err := claim.Verify(s.stamp, func() (plain.Value, error) {
		t, _, err := openToken(tx, claim.Token())
		if err != nil {
			return plain.Value{}, err
		}
		return plain.New(t.Secret), nil
	})
	if err != nil {
		return Caller{}, err
	}
	if secret.InstantOf(tx.Now()) >= s.token.Expires {
		return Caller{}, fault.Wrap(fault.Unauthenticated, ErrExpired, "The security token included in the request is expired")
	}
	made := s.of
	if err := d.alive(tx, &s); err != nil {
		return Caller{}, err
	}
	if !known || s.of != made {
		d.sessions.put(claim.Token(), s)
	}
	return s.caller(*tx.Caller()), nil
}

// alive checks that what the session stands on is still there, and brings its
// program up to date.
func (d *Directory) alive(tx *gate.Tx, s *session) error {
	t := &s.token
	if t.Root != "" {
		c, ok, err := d.credentials.Load(tx, credentialPrefix+t.Root)
		if err != nil {
			return err
		}
		if !ok || c.inactive {
			return unknownKey()
		}
	}
	for _, of := range t.Through {
		e, err := d.entity(tx, t.Account, of.Kind, of.Name)
		if err != nil {
			return err
		}
		if e == nil || e.ID != of.ID {
			return unknownKey()
		}
	}
	if provider := cmp.Or(t.Federated, t.Provider); provider != "" {
		_, name, _ := strings.Cut(provider, ":oidc-provider/")
		p, err := d.provider(tx, t.Account, name)
		if err != nil {
			return err
		}
		if p == nil {
			return unknownKey()
		}
	}
	b, ok, err := d.bind(tx, t.Account, t.Kind, t.Name, t.ID)
	if err != nil {
		return err
	}
	if !ok {
		return unknownKey()
	}
	if s.program != nil && s.of == b.stamp {
		return nil
	}
	blocks := append([]policy.Block{}, b.program.Blocks()...)
	for _, text := range t.Policies {
		block, err := compile(text, "the session policy", policy.Session)
		if err != nil {
			return err
		}
		blocks = append(blocks, block)
	}
	s.of, s.entity, s.program = b.stamp, b.entity, b.program
	if len(t.Policies) > 0 {
		s.program = policy.New(blocks...)
	}
	f := *b.facts
	f.issued, f.federated, f.source = t.Issued, t.Federated, t.Source
	if t.Session != "" {
		f.userID = t.ID + ":" + t.Session
	}
	f.tags = merge(b.entity.Tags, t.Tags)
	s.facts = &f
	return nil
}

// merge is the tags of both; those of the session win.
func merge(base, over []secret.Tag) []secret.Tag {
	if len(over) == 0 {
		return base
	}
	all := append([]secret.Tag{}, base...)
	_ = addTags(&all, over) // they were counted when the session began
	return all
}

// caller fills in who the session is.
func (s *session) caller(who Caller) Caller {
	t := &s.token
	who.Principal = t.arn(s.entity)
	who.Program, who.Facts = s.program, s.facts
	who.Who = policy.Principal{Account: t.Account, ID: t.ID, Session: t.Session}
	return who
}

// arn is the session's principal.
func (t *token) arn(e *Entity) string {
	if t.Kind == secret.KindUser {
		return e.ARN(t.Account)
	}
	return arn.AssumedRole(t.Account, e.Name, t.Session)
}

// sessionPolicies checks the policies that limit a session.
func (d *Directory) sessionPolicies(tx *gate.Tx, document string, managed []string) ([]string, error) {
	var all []string
	if document != "" {
		if _, err := parse(document, iam.IdentityPolicy, maxTrust); err != nil {
			return nil, err
		}
		all = append(all, document)
	}
	for _, full := range managed {
		account, name, err := splitPolicyARN(full)
		if err != nil {
			return nil, err
		}
		p, err := d.anyPolicy(tx, account, name)
		if err != nil {
			return nil, err
		}
		if p == nil || p.ARN(account) != full || account != tx.Caller().Who.Account && account != managedAccount {
			return nil, fault.Wrap(fault.Invalid, ErrInput, "Policy %s does not exist or is not attachable.", full)
		}
		all = append(all, p.version(p.Default).Document)
	}
	return all, nil
}
