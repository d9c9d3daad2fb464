package fold_test

import (
	"testing"

	"github.com/strongroom-dev/strongroom/internal/fold"
)

func TestFold(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		equal bool
		lower string
	}{
		{"", "", true, ""}, {"Team", "tEAM", true, "team"}, {"a", "ab", false, "a"}, {"@[`{", "@[`{", true, "@[`{"},
		{"İam", "iam", false, "İam"}, {"claſſ", "class", false, "claſſ"}, {"\u212aey", "key", false, "\u212aey"}, {"Ä", "ä", false, "Ä"},
	} {
		if fold.Equal(c.a, c.b) != c.equal || fold.Lower(c.a) != c.lower {
			t.Errorf("%q and %q: %v, %q", c.a, c.b, fold.Equal(c.a, c.b), fold.Lower(c.a))
		}
	}
}
