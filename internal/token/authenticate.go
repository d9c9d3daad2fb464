package token

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Session is a request's token, and where the request goes.
type Session struct {
	Token     Row // zero without a token
	Identity  []string
	Hash      string
	Table     *mount.Table // of the namespace that the request is for
	Namespace string       // its path: "team/"; empty for the root
}

// HasToken reports whether there is one.
func (s *Session) HasToken() bool { return s.Token.Path != "" }

// doorstep is what a caller may do who has not proved anything.
var doorstep = policy.Grant("anybody may try to authenticate", arn.Action(secret.Authenticate))

// Authenticate finds out whose token it is, and what the namespace holds: it
// gives back who with its principal and program filled in. Without a token who
// stays anonymous. It fails with Unauthenticated; only that is recorded.
func (t *Tokens) Authenticate(ctx context.Context, who Caller, text, namespace string) (Caller, Session, error) {
	who.Principal, who.Program = gate.Anonymous, doorstep
	type found struct {
		who Caller
		s   Session
	}
	f, err := gate.Do(ctx, t.gate, who, secret.Authenticate, secret.CredentialRef(""), func(tx *gate.Tx, _ secret.Ref) (f found, err error) {
		f.who, f.s, err = t.authenticate(tx, text, namespace)
		return f, err
	})
	return f.who, f.s, err
}

func (t *Tokens) authenticate(tx *gate.Tx, text, namespace string) (who Caller, s Session, err error) {
	who = *tx.Caller()
	if n := strings.Trim(namespace, "/"); n != "" && n != "root" {
		s.Namespace = n + "/"
	}
	account, err := t.mounts.Account(tx, s.Namespace)
	if err != nil {
		return who, s, err
	}
	if account == "" {
		return who, s, fault.New(fault.NotFound, "no such namespace")
	}
	if s.Table, err = t.mounts.Of(tx, account); err != nil {
		return who, s, err
	}
	who.Program = nil
	if text == "" {
		return who, s, nil
	}
	e, err := t.find(tx, text)
	if err != nil {
		return who, s, err
	}
	if e.entry == nil || e.Uses == usedUp || !e.from(who.Source) {
		return who, s, notValid()
	}
	if e.Account != account {
		if who.Below, err = t.below(tx, e.Account, s.Namespace); err != nil {
			return who, s, err
		}
	}
	b, err := t.bind(tx, e)
	if err != nil {
		return who, s, err
	}
	s.Token, s.Hash, s.Identity = e.Row, e.hash, b.identity
	who.Principal, who.AccessKey, who.Program = b.caller, e.Accessor, b.program
	who.Who = policy.Principal{Account: e.Account, ID: e.Accessor}
	return who, s, nil
}

// below is the path of a namespace as seen from the one of an account, which
// must be above it.
func (t *Tokens) below(tx *gate.Tx, account, namespace string) (string, error) {
	at := ""
	for rest := namespace; ; {
		there, err := t.mounts.Account(tx, at)
		if err != nil {
			return "", err
		}
		if there == account {
			return rest, nil
		}
		segment, more, ok := strings.Cut(rest, "/")
		if !ok {
			return "", notValid()
		}
		at, rest = at+segment+"/", more
	}
}

// principal is how records name the token.
func (r *Row) principal() string {
	return "arn:aws:strongroom::" + r.Account + ":token/" + r.DisplayName + "/" + r.Accessor
}

// from reports whether the token may be used from an address.
func (r *Row) from(source string) bool { return InCIDRs(r.CIDRs, source) }

// InCIDRs reports whether an address, with a port or without, is in one of the
// blocks; of no blocks every one is.
func InCIDRs(blocks []string, source string) bool {
	if len(blocks) == 0 {
		return true
	}
	host, _, err := net.SplitHostPort(source)
	if err != nil {
		host = source
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	for _, b := range blocks {
		if p, err := netip.ParsePrefix(b); err == nil && p.Contains(addr) {
			return true
		}
		if a, err := netip.ParseAddr(b); err == nil && a == addr {
			return true
		}
	}
	return false
}

// CheckCIDRs wants each to be a block of addresses, or one.
func CheckCIDRs(blocks []string) error {
	for _, b := range blocks {
		if _, err := netip.ParsePrefix(b); err == nil {
			continue
		}
		if _, err := netip.ParseAddr(b); err != nil {
			return fault.New(fault.Invalid, "invalid CIDR %q", b)
		}
	}
	return nil
}

// Spend notes a use of a token whose uses are counted, before the request is
// served. It fails with Unauthenticated if there is none left.
func (t *Tokens) Spend(ctx context.Context, who Caller, s *Session) error {
	if s.Token.Uses == 0 {
		return nil
	}
	who.Program = policy.Grant("a token may be used", arn.Action(secret.SpendToken))
	_, err := gate.Do(ctx, t.gate, who, secret.SpendToken, setting(s.Token.Account, "auth/token"), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		e, err := t.load(tx, s.Hash)
		if err != nil {
			return struct{}{}, err
		}
		if e.entry == nil || e.Uses == usedUp {
			return struct{}{}, notValid()
		}
		r := e.Row
		if r.Uses--; r.Uses == 0 {
			r.Uses = usedUp
		}
		s.Token.Uses = r.Uses
		return struct{}{}, put(tx, s.Hash, &r)
	})
	return err
}

// Spent removes a token at its last use, after the request was served.
func (t *Tokens) Spent(ctx context.Context, who Caller, s *Session) error {
	if s.Token.Uses != usedUp {
		return nil
	}
	who.Program = policy.Grant("a token that is used up goes", arn.Action(secret.RevokeToken))
	_, err := gate.Do(ctx, t.gate, who, secret.RevokeToken, setting(s.Token.Account, "auth/token"), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		e, err := t.load(tx, s.Hash)
		if err != nil || e.entry == nil {
			return struct{}{}, err
		}
		return struct{}{}, drop(tx, e)
	})
	return err
}
