package vault

import (
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// tokens are the paths of auth/token/.
// (https://developer.hashicorp.com/vault/api-docs/auth/token)
func tokens() []route {
	return []route{
		{path: "create", write: createToken},
		{path: "create-orphan", write: createToken},
		{path: "create/{role}", write: createToken},
		{path: "lookup", read: lookupToken, write: lookupToken},
		{path: "lookup-self", read: lookupSelf, write: lookupSelf},
		{path: "lookup-accessor", write: lookupAccessor},
		{path: "renew", write: renewToken},
		{path: "renew-self", write: renewSelf},
		{path: "renew-accessor", write: renewAccessor},
		{path: "revoke", write: revokeToken},
		{path: "revoke-self", write: revokeSelf},
		{path: "revoke-accessor", write: revokeAccessor},
		{path: "revoke-orphan", write: revokeOrphan, sudo: true},
		{path: "accessors", list: listAccessors, sudo: true},
		{path: "roles", list: listTokenRoles},
		{path: "roles/{role}", read: readTokenRole, write: writeTokenRole, remove: deleteTokenRole, creates: true},
		{path: "tidy", write: tidyTokens, sudo: true, differs: "what ended is removed all the time: there is nothing to tidy"},
	}
}

// tidyTokens says that it is done, for it is done all the time.
func tidyTokens(q *request) (*response, error) {
	if err := q.door.cfg.Tokens.Tidy(q.ctx, q.who, &q.session, q.path); err != nil {
		return nil, err
	}
	return &response{status: 202, warnings: []string{"Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs."}}, nil
}

func createToken(q *request) (*response, error) {
	f := &q.fields
	in := token.CreateInput{At: q.path, Role: q.vars[0], ID: f.text("id"), DisplayName: f.text("display_name"), Type: f.text("type"), EntityAlias: f.text("entity_alias"), Renewable: true}
	in.Policies, _ = f.list("policies")
	in.Meta, _ = f.object("meta")
	in.Orphan, _ = f.boolean("no_parent")
	in.Orphan = in.Orphan || q.rest == "create-orphan"
	in.NoDefault, _ = f.boolean("no_default_policy")
	if renewable, given := f.boolean("renewable"); given {
		in.Renewable = renewable
	}
	in.TTL, _ = f.seconds("ttl")
	if lease, given := f.seconds("lease"); given && in.TTL == 0 {
		in.TTL = lease
	}
	in.ExplicitMax, _ = f.seconds("explicit_max_ttl")
	in.Period, _ = f.seconds("period")
	in.Uses, _ = f.whole("num_uses")
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	out, err := q.door.cfg.Tokens.Create(q.ctx, q.who, &q.session, in)
	if err != nil {
		return nil, err
	}
	return q.tokenAnswer(&out), nil
}

// shownToken is a token as a lookup shows it.
type shownToken struct {
	Accessor     string            `json:"accessor"`
	CreationTime int64             `json:"creation_time"`
	CreationTTL  int64             `json:"creation_ttl"`
	DisplayName  string            `json:"display_name"`
	EntityID     string            `json:"entity_id"`
	ExpireTime   *string           `json:"expire_time"`
	ExplicitMax  int64             `json:"explicit_max_ttl"`
	CIDRs        []string          `json:"bound_cidrs,omitempty"`
	ID           string            `json:"id"`
	Identity     []string          `json:"identity_policies,omitempty"`
	IssueTime    string            `json:"issue_time"`
	LastRenewal  string            `json:"last_renewal,omitempty"`
	RenewalTime  int64             `json:"last_renewal_time,omitempty"`
	Meta         map[string]string `json:"meta"`
	NumUses      int64             `json:"num_uses"`
	Orphan       bool              `json:"orphan"`
	Path         string            `json:"path"`
	Period       int64             `json:"period,omitempty"`
	Policies     []string          `json:"policies"`
	Renewable    bool              `json:"renewable"`
	Role         string            `json:"role,omitempty"`
	TTL          int64             `json:"ttl"`
	Type         string            `json:"type"`
}

func showToken(i *token.Issued, text string, now time.Time) shownToken {
	r := &i.Row
	out := shownToken{
		Accessor: r.Accessor, CreationTime: int64(r.Created) / 1000, CreationTTL: r.TTL, DisplayName: r.DisplayName, EntityID: r.Entity,
		ExplicitMax: r.ExplicitMax, CIDRs: r.CIDRs, ID: text, Identity: i.Identity, IssueTime: stamp(r.Created), Meta: r.Meta,
		NumUses: max(r.Uses, 0), Orphan: r.Orphan, Path: r.Path, Period: r.Period, Policies: orEmpty(r.Policies), Renewable: r.Renewable,
		Role: r.Role, TTL: r.TTLAt(now), Type: tokenType(r),
	}
	if !r.Expires.IsZero() {
		at := stamp(r.Expires)
		out.ExpireTime = &at
	}
	if !r.Renewed.IsZero() {
		out.LastRenewal, out.RenewalTime = stamp(r.Renewed), int64(r.Renewed)/1000
	}
	return out
}

func (q *request) lookup(of token.Target, text string) (*response, error) {
	out, err := q.door.cfg.Tokens.Lookup(q.ctx, q.who, &q.session, q.path, of)
	if err != nil {
		return nil, err
	}
	return &response{data: showToken(&out, text, q.door.cfg.Now())}, nil
}

// named is the token of the parameter, or the caller's own if it is not given.
func (q *request) named() token.Target {
	text := q.fields.text("token")
	if text == "" || text == q.token {
		return token.Target{Self: true, Text: q.token}
	}
	return token.Target{Text: text}
}

func lookupToken(q *request) (*response, error) {
	of := q.named()
	return q.lookup(of, of.Text)
}

func lookupSelf(q *request) (*response, error) {
	return q.lookup(token.Target{Self: true, Text: q.token}, q.token)
}

// accessor is the token of the parameter.
func (q *request) accessor() (token.Target, error) {
	a := q.fields.text("accessor")
	if a == "" {
		return token.Target{}, fault.New(fault.Invalid, "missing accessor")
	}
	return token.Target{Accessor: a}, q.fields.err()
}

func lookupAccessor(q *request) (*response, error) {
	of, err := q.accessor()
	if err != nil {
		return nil, q.reject(err)
	}
	return q.lookup(of, "")
}

func (q *request) renew(of token.Target) (*response, error) {
	increment, _ := q.fields.seconds("increment")
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	out, err := q.door.cfg.Tokens.Renew(q.ctx, q.who, &q.session, q.path, of, increment)
	if err != nil {
		return nil, err
	}
	return q.tokenAnswer(&out), nil
}

func renewToken(q *request) (*response, error) { return q.renew(q.named()) }

func renewSelf(q *request) (*response, error) {
	return q.renew(token.Target{Self: true, Text: q.token})
}

func renewAccessor(q *request) (*response, error) {
	of, err := q.accessor()
	if err != nil {
		return nil, q.reject(err)
	}
	return q.renew(of)
}

func (q *request) revoke(of token.Target, orphans bool) (*response, error) {
	return nil, q.door.cfg.Tokens.Revoke(q.ctx, q.who, &q.session, q.path, of, orphans)
}

// toRevoke is the token of the parameter, which must be given.
func (q *request) toRevoke() (token.Target, error) {
	if q.fields.text("token") == "" {
		return token.Target{}, fault.New(fault.Invalid, "missing token ID")
	}
	return q.named(), q.fields.err()
}

func revokeToken(q *request) (*response, error) {
	of, err := q.toRevoke()
	if err != nil {
		return nil, q.reject(err)
	}
	return q.revoke(of, false)
}

func revokeOrphan(q *request) (*response, error) {
	of, err := q.toRevoke()
	if err != nil {
		return nil, q.reject(err)
	}
	return q.revoke(of, true)
}

func revokeSelf(q *request) (*response, error) {
	return q.revoke(token.Target{Self: true, Text: q.token}, false)
}

func revokeAccessor(q *request) (*response, error) {
	of, err := q.accessor()
	if err != nil {
		return nil, q.reject(err)
	}
	return q.revoke(of, false)
}

func listAccessors(q *request) (*response, error) {
	all, err := q.door.cfg.Tokens.ListAccessors(q.ctx, q.who, &q.session, q.path)
	if err != nil {
		return nil, err
	}
	return keys(all), nil
}

func listTokenRoles(q *request) (*response, error) {
	all, err := q.door.cfg.Tokens.ListTokenRoles(q.ctx, q.who, q.account(), q.path)
	if err != nil {
		return nil, err
	}
	return keys(all), nil
}

func readTokenRole(q *request) (*response, error) {
	r, err := q.door.cfg.Tokens.GetTokenRole(q.ctx, q.who, q.account(), q.path, q.vars[0])
	if err != nil {
		return nil, err
	}
	p := &r.Params
	return &response{data: m{
		"allowed_entity_aliases": r.EntityAliases, "allowed_policies": orEmpty(r.Allowed), "allowed_policies_glob": orEmpty(r.AllowedGlob),
		"disallowed_policies": orEmpty(r.Disallowed), "disallowed_policies_glob": orEmpty(r.DisallowedGlob), "explicit_max_ttl": p.ExplicitMax,
		"name": r.Name, "orphan": r.Orphan, "path_suffix": r.PathSuffix, "period": p.Period, "renewable": r.Renewable,
		"token_bound_cidrs": orEmpty(p.BoundCIDRs), "token_explicit_max_ttl": p.ExplicitMax, "token_no_default_policy": p.NoDefault,
		"token_num_uses": p.Uses, "token_period": p.Period, "token_type": p.Type,
	}}, nil
}

func writeTokenRole(q *request) (*response, error) {
	f := &q.fields
	lists := map[string]func(*token.Role) *[]string{
		"allowed_policies": func(r *token.Role) *[]string { return &r.Allowed }, "allowed_policies_glob": func(r *token.Role) *[]string { return &r.AllowedGlob },
		"disallowed_policies":      func(r *token.Role) *[]string { return &r.Disallowed },
		"disallowed_policies_glob": func(r *token.Role) *[]string { return &r.DisallowedGlob },
		"allowed_entity_aliases":   func(r *token.Role) *[]string { return &r.EntityAliases },
	}
	var changes []func(*token.Role)
	for name, of := range lists {
		if values, given := f.list(name); given {
			changes = append(changes, func(r *token.Role) { *of(r) = values })
		}
	}
	if v, given := f.boolean("orphan"); given {
		changes = append(changes, func(r *token.Role) { r.Orphan = v })
	}
	if v, given := f.boolean("renewable"); given {
		changes = append(changes, func(r *token.Role) { r.Renewable = v })
	}
	if f.has("path_suffix") {
		v := f.text("path_suffix")
		changes = append(changes, func(r *token.Role) { r.PathSuffix = v })
	}
	params := q.tokenParams()
	if v, given := f.seconds("period"); given {
		params = append(params, func(p *token.Params) { p.Period = v })
	}
	if v, given := f.seconds("explicit_max_ttl"); given {
		params = append(params, func(p *token.Params) { p.ExplicitMax = v })
	}
	if v, given := f.list("bound_cidrs"); given {
		params = append(params, func(p *token.Params) { p.BoundCIDRs = v })
	}
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Tokens.PutTokenRole(q.ctx, q.who, q.account(), q.path, q.vars[0], func(r *token.Role) error {
		for _, change := range changes {
			change(r)
		}
		for _, change := range params {
			change(&r.Params)
		}
		return nil
	})
}

func deleteTokenRole(q *request) (*response, error) {
	return nil, q.door.cfg.Tokens.DeleteTokenRole(q.ctx, q.who, q.account(), q.path, q.vars[0])
}

// tokenParams reads the parameters token_*, which all auth methods have in
// common.
func (q *request) tokenParams() (changes []func(*token.Params)) {
	f := &q.fields
	seconds := func(name string, of func(*token.Params) *int64) {
		if v, given := f.seconds(name); given {
			changes = append(changes, func(p *token.Params) { *of(p) = v })
		}
	}
	seconds("token_ttl", func(p *token.Params) *int64 { return &p.TTL })
	seconds("token_max_ttl", func(p *token.Params) *int64 { return &p.MaxTTL })
	seconds("token_explicit_max_ttl", func(p *token.Params) *int64 { return &p.ExplicitMax })
	seconds("token_period", func(p *token.Params) *int64 { return &p.Period })
	for name, of := range map[string]func(*token.Params) *[]string{
		"token_policies": func(p *token.Params) *[]string { return &p.Policies }, "token_bound_cidrs": func(p *token.Params) *[]string { return &p.BoundCIDRs },
	} {
		if v, given := f.list(name); given {
			changes = append(changes, func(p *token.Params) { *of(p) = v })
		}
	}
	for name, of := range map[string]func(*token.Params) *bool{
		"token_no_default_policy": func(p *token.Params) *bool { return &p.NoDefault }, "token_strictly_bind_ip": func(p *token.Params) *bool { return &p.StrictIP },
	} {
		if v, given := f.boolean(name); given {
			changes = append(changes, func(p *token.Params) { *of(p) = v })
		}
	}
	if v, given := f.whole("token_num_uses"); given {
		changes = append(changes, func(p *token.Params) { p.Uses = v })
	}
	if f.has("token_type") {
		v := f.text("token_type")
		changes = append(changes, func(p *token.Params) { p.Type = v })
	}
	return changes
}

// showParams adds the parameters token_* to what a role or a user shows.
func showParams(out m, p *token.Params) m {
	kind := p.Type
	if kind == "" {
		kind = "default"
	}
	for name, v := range (m{
		"token_bound_cidrs": orEmpty(p.BoundCIDRs), "token_explicit_max_ttl": p.ExplicitMax, "token_max_ttl": p.MaxTTL,
		"token_no_default_policy": p.NoDefault, "token_num_uses": p.Uses, "token_period": p.Period, "token_policies": orEmpty(p.Policies),
		"token_strictly_bind_ip": p.StrictIP, "token_ttl": p.TTL, "token_type": kind,
	}) {
		out[name] = v
	}
	return out
}
