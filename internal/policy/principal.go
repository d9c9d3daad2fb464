package policy

// Principal is a caller, as policies name callers.
type Principal struct {
	Account string
	ID      string // the unique ID of the user or the role: names may be used again, IDs are not
	Session string // the session's name, if the caller is a role's session
	// Federated is the identity provider by which the caller proved who it is,
	// an ARN, while it assumes a role; then the rest is empty.
	Federated string
}

// Who is one principal that a resource policy names.
type Who struct {
	Kind WhoKind
	// ID is the account, the unique ID of the user or role, the provider's
	// ARN, or the service's name.
	ID      string
	Session string // of WhoSession
}

// WhoKind says what a Who names.
type WhoKind uint8

// The kinds.
const (
	Anyone WhoKind = iota
	WhoAccount
	WhoEntity // a user, or a role and all its sessions
	WhoSession
	WhoFederated
	WhoService // which never calls here
)

// Grade is how closely a resource policy names a caller.
type Grade uint8

// The grades.
const (
	Unnamed      Grade = iota
	NamedAccount       // the account alone: its own policies must allow too
	NamedRole          // the role of the caller's session
	NamedItself        // the user, or the session, or anyone
)

// names says how closely the clause names the caller.
func (c *Clause) names(p *Principal) Grade {
	best := Unnamed
	for i := range c.Who {
		best = max(best, c.Who[i].grade(p))
	}
	if !c.NotWho {
		return best
	}
	if best == Unnamed {
		return NamedItself
	}
	return Unnamed
}

func (w *Who) grade(p *Principal) Grade {
	switch {
	case w.Kind == Anyone:
		return NamedItself
	case w.Kind == WhoAccount && p.Account == w.ID && w.ID != "":
		return NamedAccount
	case w.Kind == WhoEntity && p.ID == w.ID && w.ID != "":
		if p.Session != "" {
			return NamedRole
		}
		return NamedItself
	case w.Kind == WhoSession && p.ID == w.ID && p.Session == w.Session && w.ID != "":
		return NamedItself
	case w.Kind == WhoFederated && p.Federated == w.ID && w.ID != "":
		return NamedItself
	}
	return Unnamed
}
