// Package fold compares names whose case does not count. Only the letters of
// ASCII have a case here: by the rules of Unicode a Kelvin sign would be a k
// for one comparison and none for another, and a rule on one name could be
// slipped past under the other.
package fold

// Lower is s in lower case.
func Lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = lower(b[i])
			}
			return string(b)
		}
	}
	return s
}

// Equal reports whether a and b are the same but for their case.
func Equal(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
