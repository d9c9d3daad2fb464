package secret_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/secret"
)

// show prints a secret's labelled versions as v1[PREV] v2[CUR].
func show(s *secret.Secret) string {
	short := strings.NewReplacer("AWSCURRENT", "CUR", "AWSPREVIOUS", "PREV", "AWSPENDING", "PEND")
	var out []string
	for _, v := range s.Versions {
		if len(v.Labels) > 0 {
			out = append(out, short.Replace(fmt.Sprintf("v%d[%s]", v.Number, strings.Join(v.Labels, ","))))
		}
	}
	return strings.Join(out, " ")
}

func put(labels ...string) func(*secret.Secret) {
	return func(s *secret.Secret) {
		if len(labels) == 0 {
			labels = []string{secret.Current}
		}
		s.AddVersion(fmt.Sprint("id", s.LastNumber+1), secret.Text, 1, labels)
	}
}

func move(label string, to uint64) func(*secret.Secret) {
	return func(s *secret.Secret) { s.Attach(label, to) }
}

const cur, prev, pend = secret.Current, secret.Previous, secret.Pending

// The transitions are those recorded on AWS.
func TestLabelTransitions(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []func(*secret.Secret)
		want  string
	}{
		{"first", []func(*secret.Secret){put()}, "v1[CUR]"},
		{"first is current whatever was asked", []func(*secret.Secret){put("X")}, "v1[CUR,X]"},
		{"second", []func(*secret.Secret){put(), put()}, "v1[PREV] v2[CUR]"},
		{"third", []func(*secret.Secret){put(), put(), put()}, "v2[PREV] v3[CUR]"},
		{"pending", []func(*secret.Secret){put(), put(pend)}, "v1[CUR] v2[PEND]"},
		{"promote", []func(*secret.Secret){put(), put(pend), move(cur, 2)}, "v1[PREV] v2[CUR,PEND]"},
		{"put over promoted", []func(*secret.Secret){put(), put(pend), move(cur, 2), put()}, "v2[PREV] v3[CUR]"},
		{"pending cycle", []func(*secret.Secret){put(), put(pend), move(cur, 2), put(pend)}, "v1[PREV] v2[CUR] v3[PEND]"},
		{"pending cycle moved", []func(*secret.Secret){put(), put(pend), move(cur, 2), put(pend), move(cur, 3)}, "v2[PREV] v3[CUR,PEND]"},
		{"custom 1", []func(*secret.Secret){put(), put(pend, "AWSSOMETHING", "PUT1"), move(cur, 2), put(pend, "PUT2"), move(cur, 3)},
			"v2[PREV,AWSSOMETHING,PUT1] v3[CUR,PEND,PUT2]"},
		{"custom 2", []func(*secret.Secret){put(), put(cur, "PUT0"), put(pend, "PUT1"), move(cur, 3), put(pend, "PUT2"), move(cur, 4)},
			"v2[PUT0] v3[PREV,PUT1] v4[CUR,PEND,PUT2]"},
		{"replacement", []func(*secret.Secret){put(), put("one", "two", "three"), put("one", "two", "three", "four")},
			"v1[CUR] v3[one,two,three,four]"},
		{"no replacement", []func(*secret.Secret){put(), put("one", "two", "three"), put("one", "two", "four")},
			"v1[CUR] v2[three] v3[one,two,four]"},
		{"back", []func(*secret.Secret){put(), put(), move(cur, 1)}, "v1[CUR] v2[PREV]"},
		{"onto itself", []func(*secret.Secret){put(), put(), move(cur, 2)}, "v1[PREV] v2[CUR]"},
		{"onto nothing", []func(*secret.Secret){put(), move(cur, 9)}, "v1[CUR]"},
	} {
		s := &secret.Secret{}
		for _, step := range test.steps {
			step(s)
		}
		if got := show(s); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestLabelInvariants(t *testing.T) {
	labels := []string{cur, prev, pend, "A", "B"}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		s := &secret.Secret{}
		for range 50 {
			l := labels[r.IntN(len(labels))]
			switch r.IntN(3) {
			case 0:
				put(l)(s)
			case 1:
				s.Attach(l, 1+r.Uint64N(s.LastNumber+1))
			case 2:
				s.Relabel(1+r.Uint64N(s.LastNumber+1), []string{l, "A"})
			}
			if bad := broken(s); bad != "" {
				t.Fatalf("seed %d: %s: %s", seed, bad, show(s))
			}
		}
	}
}

// broken says which invariant of labels s breaks.
func broken(s *secret.Secret) string {
	holders := map[string]int{}
	for _, v := range s.Versions {
		for _, l := range v.Labels {
			holders[l]++
		}
		if len(slices.Compact(slices.Sorted(slices.Values(v.Labels)))) != len(v.Labels) {
			return "a label twice on one version"
		}
	}
	for l, n := range holders {
		if n > 1 {
			return l + " on two versions"
		}
	}
	if len(s.Versions) > 0 && holders[cur] != 1 {
		return "no current version"
	}
	return ""
}

func TestExpire(t *testing.T) {
	s := &secret.Secret{}
	for range 150 {
		put()(s)
	}
	s.Attach("KEEP", 3)
	day := secret.Instant(secret.KeepFor)
	if gone := s.Expire(day); gone != nil {
		t.Errorf("young versions went: %v", gone)
	}
	gone := s.Expire(day + 100)
	if len(gone) != 49 || s.ByNumber(3) == nil || s.ByNumber(1) != nil || s.ByNumber(51) == nil {
		t.Errorf("%d went: %v", len(gone), gone)
	}
}
