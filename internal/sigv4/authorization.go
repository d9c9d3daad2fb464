package sigv4

import "strings"

// Authorization is the parts of an Authorization header.
type Authorization struct {
	AccessKey     string
	Scope         Scope
	SignedHeaders string // lower case, joined by semicolons
	Signature     string // hexadecimal
}

// Parse reads an Authorization header. Where it cannot, it says what is
// missing, in AWS's words.
func Parse(header string) (a Authorization, problem string) {
	rest, ok := strings.CutPrefix(header, Algorithm)
	if !ok || rest == "" || (rest[0] != ' ' && rest[0] != '\t') {
		return a, "Unsupported AWS 'algorithm'. Only '" + Algorithm + "' is supported."
	}
	var credential string
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		var field *string
		switch name {
		case "Credential":
			field = &credential
		case "SignedHeaders":
			field = &a.SignedHeaders
		case "Signature":
			field = &a.Signature
		default:
			continue
		}
		if *field != "" {
			return a, "Authorization header has more than one '" + name + "' parameter."
		}
		*field = value
	}
	var missing []string
	for _, f := range []struct{ name, value string }{{"Credential", credential}, {"Signature", a.Signature}, {"SignedHeaders", a.SignedHeaders}} {
		if f.value == "" {
			missing = append(missing, "Authorization header requires '"+f.name+"' parameter.")
		}
	}
	if missing != nil {
		return a, strings.Join(missing, " ")
	}
	if !ordered(a.SignedHeaders) {
		return a, "Authorization header's 'SignedHeaders' are not in order, or too many."
	}
	rest = credential
	for _, field := range []*string{&a.AccessKey, &a.Scope.Date, &a.Scope.Region, &a.Scope.Service} {
		*field, rest, _ = strings.Cut(rest, "/")
	}
	if !validAccessKey(a.AccessKey) || len(a.Scope.Date) != DateLen || rest != terminator {
		return a, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
	}
	return a, ""
}

// maxSigned bounds how many headers a request signs.
const maxSigned = 64

// ordered reports whether the names are each there once, in their order, as
// every client sends them: a header that was named again and again would be
// hashed as often.
func ordered(names string) bool {
	last, n := "", 0
	for name := range strings.SplitSeq(names, ";") {
		if n++; name <= last || n > maxSigned {
			return false
		}
		last = name
	}
	return true
}

// validAccessKey accepts what IAM's model does: 1 to 128 letters, digits and
// underscores.
func validAccessKey(id string) bool {
	for _, c := range []byte(id) {
		if !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_') {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 128
}

// Signs reports whether the header of that name (lower case) is signed.
func (a *Authorization) Signs(name string) bool {
	for n := range strings.SplitSeq(a.SignedHeaders, ";") {
		if n == name {
			return true
		}
	}
	return false
}

// Header writes the header.
func (a *Authorization) Header() string {
	scope := a.Scope.Append(nil)
	return Algorithm + " Credential=" + a.AccessKey + "/" + string(scope) + ", SignedHeaders=" + a.SignedHeaders + ", Signature=" + a.Signature
}
