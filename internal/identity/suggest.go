package identity

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Suggestion is the least document that covers what somebody did, beside what
// they may do and never did.
type Suggestion struct {
	Records  int      // how many records of theirs there are
	Document string   // an IAM document; empty if they did nothing
	Used     []string // statements of theirs that decided something
	Unused   []string // and those that did not
}

// SuggestPolicy looks through the audit log, from since on, for what a user or
// role did and was allowed. It fails with NotFound.
func (d *Directory) SuggestPolicy(ctx context.Context, who Caller, principal string, since time.Time) (Suggestion, error) {
	return do(ctx, d, who, secret.SuggestPolicy, secret.System(), func(tx *gate.Tx, _ secret.Ref) (Suggestion, error) {
		e, err := d.byARN(tx, principal)
		if err != nil {
			return Suggestion{}, err
		}
		account := tx.Caller().Who.Account
		if e == nil || e.ARN(account) != principal {
			return Suggestion{}, fault.New(fault.NotFound, "The principal %s cannot be found.", principal)
		}
		u := usage{of: principal, sessions: arn.AssumedRole(account, e.Name, ""), did: map[string]map[string]bool{}, decided: map[string]bool{}}
		if e.Kind != secret.KindRole {
			u.sessions = "-"
		}
		for entry, err := range tx.Records(0) {
			if err != nil {
				return Suggestion{}, err
			}
			u.read(entry.Record, since)
		}
		b, _, err := d.bind(tx, account, e.Kind, e.Name, e.ID)
		if err != nil {
			return Suggestion{}, err
		}
		return u.suggest(b.program), nil
	})
}

// usage is what somebody did.
type usage struct {
	of       string                     // the principal
	sessions string                     // how the ARNs of its sessions begin
	did      map[string]map[string]bool // resources to actions
	decided  map[string]bool            // statements
	records  int
}

// seen is what of a record bears on usage.
type seen struct {
	Time     time.Time `json:"time"`
	Caller   string    `json:"caller"`
	Verb     string    `json:"verb"`
	Resource string    `json:"resource"`
	Decision string    `json:"decision"`
	Reasons  []string  `json:"reasons"`
	Items    []struct {
		Resource string `json:"resource"`
		Decision string `json:"decision"`
	} `json:"items"`
}

func (u *usage) read(record []byte, since time.Time) {
	var s seen
	if json.Unmarshal(record, &s) != nil || s.Decision != "allow" || s.Time.Before(since) || s.Caller != u.of && !strings.HasPrefix(s.Caller, u.sessions) {
		return
	}
	u.records++
	for _, r := range s.Reasons {
		u.decided[r] = true
	}
	u.note(s.Verb, s.Resource)
	for _, i := range s.Items {
		if i.Decision == "allow" && s.Verb == secret.BatchGetValue.String() {
			u.note(secret.GetValue.String(), i.Resource)
		}
	}
}

// free are the actions that nobody needs a policy for.
var free = []secret.Verb{secret.Authenticate, secret.GetCallerIdentity, secret.GetSessionToken}

func (u *usage) note(verb, resource string) {
	v := verbNamed[verb]
	if v == 0 || slices.Contains(free, v) {
		return
	}
	if strings.HasPrefix(resource, "arn:aws:secretsmanager:") && len(resource) > arn.SuffixLen { // the random end would not outlive the secret
		resource = resource[:len(resource)-arn.SuffixLen] + strings.Repeat("?", arn.SuffixLen)
	}
	if u.did[resource] == nil {
		u.did[resource] = map[string]bool{}
	}
	u.did[resource][arn.Action(v)] = true
}

var verbNamed = func() map[string]secret.Verb {
	all := map[string]secret.Verb{}
	for _, v := range secret.Verbs() {
		all[v.String()] = v
	}
	return all
}()

// suggest makes the document: what the same actions were done to is one
// statement.
func (u *usage) suggest(p *policy.Program) Suggestion {
	out := Suggestion{Records: u.records}
	together := map[string][]string{}
	for resource, actions := range u.did {
		key := strings.Join(sorted(actions), " ")
		together[key] = append(together[key], resource)
	}
	type statement struct {
		Effect   string
		Action   []string
		Resource []string
	}
	var statements []statement
	for _, key := range sorted(together) {
		slices.Sort(together[key])
		statements = append(statements, statement{"Allow", strings.Fields(key), together[key]})
	}
	if statements != nil {
		text, _ := json.MarshalIndent(struct { // strings alone: cannot fail
			Version   string
			Statement []statement
		}{"2012-10-17", statements}, "", "  ")
		out.Document = string(text)
	}
	for _, b := range p.Blocks() {
		for i := range b.Clauses {
			c := &b.Clauses[i]
			switch {
			case b.Layer != policy.Identity || c.Effect != policy.Allow:
			case u.decided[c.Source]:
				out.Used = append(out.Used, c.Source)
			default:
				out.Unused = append(out.Unused, c.Source)
			}
		}
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
