package policy

// Value is what a condition key stands for in one request.
type Value struct {
	Present bool
	One     string
	// Multi marks a key that may hold many values, even where it holds one or
	// none; they are in Many.
	Multi bool
	Many  []string
}

// One is a key's single value.
func One(s string) Value { return Value{Present: true, One: s} }

// Many is a key's values.
func Many(s []string) Value { return Value{Present: len(s) > 0, Multi: true, Many: s} }

// Keys knows the circumstances of a request.
type Keys interface {
	// Lookup finds a condition key, which is in lower case:
	// "aws:sourceip", "secretsmanager:resourcetag/team".
	Lookup(key string) Value
}
