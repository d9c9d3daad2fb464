package vault

import (
	"strings"

	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// handler does one operation at one path.
type handler func(q *request) (*response, error)

// route is one row of a table: a path under a mount, and what may be done
// there. A segment in braces is a variable; {name...} is all that is left, with
// slashes.
type route struct {
	path   string
	public bool // wants no token
	login  bool // tries a credential: whoever fails often waits
	sudo   bool // wants the capability sudo besides
	// creates: whether a write asks for create or for update is known only when
	// it is known whether the thing is there.
	creates bool
	keeps   bool // is no use of a token whose uses are counted
	generic bool // its parameters are data

	read, list, scan, write, remove, patch handler

	differs string // for the documentation: how it differs from Vault's
}

func (r *route) handlers() [operations]handler {
	return [operations]handler{opRead: r.read, opList: r.list, opScan: r.scan, opWrite: r.write, opDelete: r.remove, opPatch: r.patch}
}

// maxVars is how many variables a path has at most.
const maxVars = 3

// routes is a compiled table.
type routes struct {
	byFirst map[string][]*compiled // by the first segment
	others  []*compiled            // whose first segment is a variable
}

type compiled struct {
	route
	segments []string
	names    []string
	ops      [operations]handler
	called   [operations]string // in logs
}

func compile(kind string, table []route) *routes {
	rs := &routes{byFirst: map[string][]*compiled{}}
	for _, r := range table {
		c := &compiled{route: r, segments: strings.Split(r.path, "/"), ops: r.handlers()}
		for op := range operations {
			c.called[op] = operationNames[op] + " " + kind + "/" + r.path
		}
		for _, s := range c.segments {
			if strings.HasPrefix(s, "{") {
				c.names = append(c.names, strings.Trim(s, "{}."))
			}
		}
		if first := c.segments[0]; strings.HasPrefix(first, "{") {
			rs.others = append(rs.others, c)
		} else {
			rs.byFirst[first] = append(rs.byFirst[first], c)
		}
	}
	return rs
}

// find is the first route that a path matches.
func (rs *routes) find(rest string, vars *[maxVars]string) *compiled {
	first, _, _ := strings.Cut(rest, "/")
	for _, list := range [][]*compiled{rs.byFirst[first], rs.others} {
		for _, c := range list {
			if c.match(rest, vars) {
				return c
			}
		}
	}
	return nil
}

func (c *compiled) match(rest string, vars *[maxVars]string) bool {
	n := 0
	for i, s := range c.segments {
		if strings.HasSuffix(s, "...}") {
			vars[n] = rest
			return rest != "" || s == "{folder...}"
		}
		segment, more, found := strings.Cut(rest, "/")
		switch {
		case strings.HasPrefix(s, "{"):
			if segment == "" {
				return false
			}
			vars[n] = segment
			n++
		case s != segment:
			return false
		}
		last := i == len(c.segments)-1
		if last {
			return !found || more == ""
		}
		if !found && !strings.HasSuffix(c.segments[i+1], "...}") {
			return false
		}
		rest = more
	}
	return false
}

// route finds what is to be done, and reads the request's parameters for it.
func (q *request) route(x *door.Exchange) (handler, *compiled, error) {
	var rt *compiled
	q.mount, q.rest = q.session.Table.Find(q.path)
	if q.mount != nil {
		if rs := q.door.routes[q.tableName()]; rs != nil {
			rt = rs.find(q.rest, &q.vars)
		}
	}
	q.ask = policy.Ask{Path: q.path, Want: wants[q.op], Params: q, WrapTTL: q.wrapTTL}
	q.who.Ask = &q.ask
	if rt != nil && q.op == opRead && q.query.Get("help") == "1" && q.session.HasToken() {
		x.Operation = "help"
		return func(q *request) (*response, error) { return q.help(rt) }, rt, nil
	}
	if rt == nil || rt.ops[q.op] == nil {
		x.Operation = "-"
		return nil, nil, q.noRoute(rt)
	}
	x.Operation = rt.called[q.op]
	q.ask.Sudo = rt.sudo
	if rt.creates && q.op == opWrite {
		q.ask.Want = policy.CanCreate | policy.CanUpdate
	}
	if !q.session.HasToken() && !rt.public {
		return nil, nil, q.door.refuse(q, fault.Wrap(fault.Unauthenticated, errNoToken, "missing client token"))
	}
	if rt.login && q.door.failures.Blocked(q.http.RemoteAddr, "") {
		return nil, nil, q.door.refuse(q, fault.New(fault.Throttled, "too many failed logins from this address: try again later"))
	}
	if err := q.fields.read(q.op, q.body); err != nil {
		return nil, nil, q.reject(err)
	}
	return rt.ops[q.op], rt, nil
}

// tableName is the table of the mount's routes.
func (q *request) tableName() string {
	if q.mount.Type == "kv" && q.mount.Version() == 2 {
		return "kv2"
	}
	return q.mount.Type
}

// noRoute refuses a request for nothing that there is. Whoever may not ask
// learns just that.
func (q *request) noRoute(rt *compiled) error {
	cause := fault.Wrap(fault.NotFound, errNoRoute, "no handler for route %q. route entry not found.", q.path)
	switch {
	case rt != nil:
		cause = fault.Wrap(fault.Unsupported, errNoRoute, "unsupported operation")
	case q.mount != nil:
		cause = fault.Wrap(fault.NotFound, errNoRoute, "unsupported path")
	}
	if !q.session.HasToken() {
		return q.door.refuse(q, fault.Wrap(fault.Unauthenticated, errNoToken, "missing client token"))
	}
	if err := q.versionHint(); err != nil {
		cause = err
	}
	return q.reject(cause)
}

// reject records that a request was refused for what it is, unless the caller
// may not make it at all.
func (q *request) reject(cause error) error {
	f, ok := cause.(*fault.Error)
	if !ok {
		f = fault.Wrap(fault.Invalid, cause, "%s", cause)
	}
	if err := q.door.cfg.Core.Reject(q.ctx, q.who, secret.ReadSetting, q.setting(), f); err != error(f) {
		return err
	}
	return cause
}

// Names implements policy.Params.
func (q *request) Names() []string {
	if q.op == opRead || q.op == opList || q.op == opScan || q.op == opDelete {
		names := make([]string, 0, len(q.query))
		for n := range q.query {
			names = append(names, n)
		}
		return names
	}
	return q.fields.names
}

// Value implements policy.Params.
func (q *request) Value(name string) policy.Operand {
	if q.op == opRead || q.op == opList || q.op == opScan || q.op == opDelete {
		return policy.Operand{Text: q.query.Get(name)}
	}
	return q.fields.operand(name)
}
