package policy

// entry is one name of one clause that speaks of an action: what can be told
// of the name by looking at a few bytes lies here, side by side with the
// others, for most names in a large program are other ones.
type entry struct {
	quick  bool
	whole  bool // the text is all of the name, not its beginning
	length int
	tail   uint64 // the last bytes of the text
	name   *Pattern
	clause *Clause
}

const tailLen = 8

// tailOf is the eight bytes of s that end at n.
func tailOf(s string, n int) uint64 {
	t := s[n-tailLen : n]
	return uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
		uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
}

// entries are what p says of the question's action.
func (p *Program) entries(q *Question) []entry {
	if p == nil {
		return nil
	}
	if q.Verb == 0 {
		return p.about(q)
	}
	if found := p.byVerb[q.Verb].Load(); found != nil {
		return *found
	}
	found := p.about(q)
	p.byVerb[q.Verb].Store(&found)
	return found
}

func (p *Program) about(q *Question) (found []entry) {
	for i := range p.blocks {
		for j := range p.blocks[i].Clauses {
			c := &p.blocks[i].Clauses[j]
			action := q.Spelled[c.Tongue].Action
			if action == "" || anyMatch(c.Actions, action, nil) == c.NotActions {
				continue
			}
			if c.NotNames {
				found = append(found, entry{clause: c})
				continue
			}
			for k := range c.Names {
				found = append(found, newEntry(c, &c.Names[k]))
			}
		}
	}
	return found
}

func newEntry(c *Clause, name *Pattern) entry {
	e := entry{clause: c, name: name, length: len(name.text), whole: name.kind == exact}
	if (name.kind == exact || name.kind == prefix) && !name.fold && e.length >= tailLen {
		e.quick, e.tail = true, tailOf(name.text, e.length)
	}
	return e
}

// matches reports whether the name is the question's.
func (e *entry) matches(q *Question) bool {
	s := q.Spelled[e.clause.Tongue].Resource
	if e.quick && (len(s) < e.length || e.whole && len(s) != e.length || tailOf(s, e.length) != e.tail) {
		return false
	}
	if e.name == nil {
		return !anyMatch(e.clause.Names, s, q.Keys)
	}
	return e.name.Match(s, q.Keys)
}

// holds reports whether the circumstances are what the clause wants.
func (c *Clause) holds(keys Keys) bool {
	for i := range c.When {
		if !c.When[i].Holds(keys) {
			return false
		}
	}
	return true
}
