package core

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Function is a rotation function of the users' own, which is called over HTTP.
type Function struct {
	Name    string         `cbor:"1,keyasint"`
	URL     string         `cbor:"2,keyasint"`
	Kind    FunctionKind   `cbor:"3,keyasint,omitempty"`
	Key     []byte         `cbor:"4,keyasint,omitempty"` // signs what a webhook gets
	Created secret.Instant `cbor:"5,keyasint"`
}

// FunctionKind is how a function is called.
type FunctionKind uint8

// The kinds.
const (
	Lambda  FunctionKind = iota // as AWS Lambda's Invoke is
	Webhook                     // a request signed as Standard Webhooks says
)

// String is the kind's name.
func (k FunctionKind) String() string { return [...]string{"lambda", "webhook"}[k] }

// NewFunction describes a function that is to be known.
type NewFunction struct {
	URL  string
	Kind FunctionKind
}

// signingKeyLen is how many bytes a webhook's key has; Standard Webhooks asks
// for 24 to 64.
const signingKeyLen = 32

// SigningKeyPrefix begins a key of Standard Webhooks as it is shown.
const SigningKeyPrefix = "whsec_"

const functionPrefix = "function/"

func functionKey(r secret.Ref) string { return functionPrefix + r.Space.Account + "/" + r.Name }

var functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// RegisterFunction makes a function known in the ref's account, or changes it.
// A webhook gets a new key, which is shown only now; whoever gets it wipes it.
// It fails with Invalid, or Exists if a built-in one is called so.
func (c *Core) RegisterFunction(ctx context.Context, who Caller, ref secret.Ref, in NewFunction) (secret.Ref, plain.Value, error) {
	f := Function{Name: ref.Name, URL: in.URL, Kind: in.Kind}
	if f.Kind == Webhook {
		f.Key = make([]byte, signingKeyLen)
		_, _ = rand.Read(f.Key)
		defer clear(f.Key)
	}
	ref, err := c.register(ctx, who, ref, f)
	if err != nil || f.Kind != Webhook {
		return ref, plain.Value{}, err
	}
	return ref, plain.New(base64.StdEncoding.AppendEncode([]byte(SigningKeyPrefix), f.Key)), nil
}

func (c *Core) register(ctx context.Context, who Caller, ref secret.Ref, f Function) (secret.Ref, error) {
	return gate.Do(ctx, c.gate, who, secret.RegisterFunction, ref, func(tx *gate.Tx, ref secret.Ref) (secret.Ref, error) {
		u, err := url.Parse(f.URL)
		switch {
		case !functionName.MatchString(ref.Name):
			return ref, fault.New(fault.Invalid, "A function's name is 1 to 64 letters, digits, hyphens and underscores.")
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "":
			return ref, fault.New(fault.Invalid, "A function's URL begins with http:// or https:// and holds no password.")
		case strings.HasPrefix(ref.Name, ownFunctions):
			return ref, fault.New(fault.Exists, "Names that begin with %s are those of built-in functions.", ownFunctions)
		}
		f.Created = secret.InstantOf(tx.Now())
		text, err := stored.Encode(f)
		if err != nil {
			return ref, err
		}
		defer clear(text)
		return ref, tx.Put(functionKey(ref), text)
	})
}

// ListFunctions lists the functions of an account, without their keys.
func (c *Core) ListFunctions(ctx context.Context, who Caller, s secret.Space) ([]Function, error) {
	return gate.Do(ctx, c.gate, who, secret.ListFunctions, secret.InSpace(s), func(tx *gate.Tx, _ secret.Ref) ([]Function, error) {
		var all []Function
		for e, err := range tx.Scan(store.Prefix(functionPrefix + s.Account + "/")) {
			if err != nil {
				return nil, err
			}
			f, err := openFunction(tx, e.Key, e.Value)
			if err != nil {
				return nil, err
			}
			clear(f.Key)
			f.Key = nil
			all = append(all, *f)
		}
		return all, nil
	})
}

// DeleteFunction makes a function unknown. It fails with NotFound.
func (c *Core) DeleteFunction(ctx context.Context, who Caller, ref secret.Ref) error {
	_, err := gate.Do(ctx, c.gate, who, secret.DeleteFunction, ref, func(tx *gate.Tx, ref secret.Ref) (struct{}, error) {
		sealed, err := tx.Get(functionKey(ref))
		if err == nil && sealed == nil {
			err = fault.New(fault.NotFound, "Function not found: %s", arn.Resource(ref))
		}
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Delete(functionKey(ref))
	})
	return err
}

// InvokeFunction gives a function to whoever is about to call it. It fails with
// NotFound.
func (c *Core) InvokeFunction(ctx context.Context, who Caller, ref secret.Ref) (Function, error) {
	return gate.Do(ctx, c.gate, who, secret.InvokeFunction, ref, func(tx *gate.Tx, ref secret.Ref) (Function, error) {
		sealed, err := tx.Get(functionKey(ref))
		if err != nil {
			return Function{}, err
		}
		if sealed == nil {
			return Function{}, fault.New(fault.NotFound, "Function not found: %s", arn.Resource(ref))
		}
		f, err := openFunction(tx, functionKey(ref), sealed)
		if err != nil {
			return Function{}, err
		}
		return *f, nil
	})
}

func openFunction(tx *gate.Tx, key string, sealed []byte) (*Function, error) {
	opened, err := tx.Open(key, sealed)
	if err != nil {
		return nil, damaged(err)
	}
	defer opened.Wipe()
	return stored.Decode[Function](opened.Open())
}

// FunctionRef is the function that an ARN or a bare name means in a space.
func FunctionRef(s secret.Space, function string) secret.Ref {
	name := function
	if rest, ok := strings.CutPrefix(function, "arn:aws:lambda:"); ok {
		part := strings.Split(rest, ":") // REGION:ACCOUNT:function:NAME, perhaps :VERSION
		if len(part) >= 4 && part[2] == "function" {
			s.Region, s.Account, name = part[0], part[1], part[3]
		}
	}
	return secret.Ref{Space: s, Kind: secret.KindFunction, Name: name}
}

// ownFunctions begins the names of built-in functions. By AWS's names for the
// same a function of the users' own may be registered, and counts then.
const ownFunctions = "strongroom-"

// builtIn is the built-in function that a secret names, nil if there is none,
// or one is registered under that name.
func (c *Core) builtIn(tx *gate.Tx, of secret.Ref, function string) (Rotator, error) {
	ref := FunctionRef(of.Space, function)
	sealed, err := tx.Get(functionKey(ref))
	if err != nil || sealed != nil || c.Rotators == nil {
		return nil, err
	}
	r, _ := c.Rotators.Find(ref.Name)
	return r, nil
}

// IsRegistered reports whether the function that a secret names is one of the
// users' own. It is the house's own question, and not recorded.
func (c *Core) IsRegistered(ctx context.Context, of secret.Ref, function string) (bool, error) {
	key := functionKey(FunctionRef(of.Space, function))
	return c.gate.Any(ctx, func(secret.Instant) store.Range { return store.Range{From: key, To: key + "\x00"} })
}

// rotatorOf is the built-in function that a secret names, or nil for one that
// is registered, which the caller must be allowed to invoke. There must be one
// of the two.
func (c *Core) rotatorOf(tx *gate.Tx, of secret.Ref, function string) (Rotator, error) {
	if r, err := c.builtIn(tx, of, function); err != nil || r != nil {
		return r, err
	}
	ref := FunctionRef(of.Space, function)
	sealed, err := tx.Get(functionKey(ref))
	if err != nil {
		return nil, err
	}
	if sealed == nil || ref.Space.Account != of.Space.Account {
		return nil, errNotInvokable()
	}
	return nil, tx.Must(secret.InvokeFunction, gate.Found{Ref: ref})
}
