package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/store/mem"
)

var ctx = context.Background()

func create(t *testing.T, h *coretest.House, in core.CreateSecretInput) {
	t.Helper()
	in.Space, in.Token = coretest.Space, "token-of-the-first-version-of-it"
	if _, err := h.CreateSecret(ctx, coretest.Admin(), in); err != nil {
		t.Fatal(err)
	}
}

// A label is never nowhere: whoever reads while it moves finds it.
func TestLabelsMoveAtOnce(t *testing.T) {
	h := coretest.New(t)
	create(t, h, core.CreateSecretInput{Name: "s", Content: coretest.TextOf("1")})
	ref := coretest.Ref("s")
	if _, err := h.PutValue(ctx, coretest.Admin(), core.PutValueInput{Ref: ref, Token: "second", Content: coretest.TextOf("2"), Labels: []string{"X"}}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var stop atomic.Bool
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				if _, err := h.GetValue(ctx, coretest.Admin(), core.GetValueInput{Ref: ref}); err != nil {
					t.Errorf("while the label moved: %v", err)
					return
				}
			}
		})
	}
	ids := []string{"second", "token-of-the-first-version-of-it"}
	for i := range 100 {
		to, from := ids[i%2], ids[(i+1)%2]
		if _, err := h.MoveLabel(ctx, coretest.Admin(), core.MoveLabelInput{Ref: ref, Label: secret.Current, To: to, From: from}); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

func list(t *testing.T, h *coretest.House, in core.ListSecretsInput) []string {
	t.Helper()
	in.Space = coretest.Space
	if in.Max == 0 {
		in.Max = 2 // many pages
	}
	var names []string
	for {
		page, err := h.ListSecrets(ctx, coretest.Admin(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Secrets {
			names = append(names, s.Name)
		}
		if page.Next == "" {
			return names
		}
		in.After = page.Next
	}
}

// The semantics of filters are those recorded on AWS.
func TestListSecrets(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	h := coretest.New(t, coretest.At(func() time.Time { now = now.Add(time.Second); return now }))
	for _, s := range []struct{ name, description, key, value string }{
		{"prod/db", "a secret", "team", "blue"},
		{"dev/db", "an secret of Development", "team", "red"},
		{"zeta", "asecret", "owner", "COMPANYthings"},
		{"fooBarBaz", "", "", ""},
		{"two-sep/x", "", "", ""},
	} {
		in := core.CreateSecretInput{Name: s.name, Description: s.description, Content: coretest.TextOf("x")}
		if s.key != "" {
			in.Tags = []secret.Tag{{Key: s.key, Value: s.value}}
		}
		create(t, h, in)
	}
	create(t, h, core.CreateSecretInput{Name: "gone"})
	if _, err := h.DeleteSecret(ctx, coretest.Admin(), core.DeleteSecretInput{Ref: coretest.Ref("gone"), Window: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.UpdateSecret(ctx, coretest.Admin(), core.UpdateSecretInput{Ref: coretest.Ref("prod/db"), Description: new("a secret")}); err != nil {
		t.Fatal(err)
	}
	filter := func(kv ...string) (out []core.Filter) {
		for i := 0; i < len(kv); i += 2 {
			out = append(out, core.Filter{Key: kv[i], Values: strings.Split(kv[i+1], "|")})
		}
		return out
	}
	for _, test := range []struct {
		name string
		in   core.ListSecretsInput
		want string
	}{
		{"by creation", core.ListSecretsInput{}, "prod/db dev/db zeta fooBarBaz two-sep/x"},
		{"the other way", core.ListSecretsInput{Reverse: true}, "two-sep/x fooBarBaz zeta dev/db prod/db"},
		{"by name", core.ListSecretsInput{Order: core.ByName}, "dev/db fooBarBaz prod/db two-sep/x zeta"},
		{"by name, reversed", core.ListSecretsInput{Order: core.ByName, Reverse: true}, "zeta two-sep/x prod/db fooBarBaz dev/db"},
		{"by change", core.ListSecretsInput{Order: core.ByChanged}, "dev/db zeta fooBarBaz two-sep/x prod/db"},
		{"by change, reversed", core.ListSecretsInput{Order: core.ByChanged, Reverse: true}, "prod/db two-sep/x fooBarBaz zeta dev/db"},
		{"with deleted ones", core.ListSecretsInput{Deleted: true, Order: core.ByName}, "dev/db fooBarBaz gone prod/db two-sep/x zeta"},
		{"name is a beginning", core.ListSecretsInput{Filters: filter("name", "prod")}, "prod/db"},
		{"name, by name", core.ListSecretsInput{Order: core.ByName, Filters: filter("name", "prod")}, "prod/db"},
		{"name minds the case", core.ListSecretsInput{Filters: filter("name", "Prod")}, ""},
		{"name, negated", core.ListSecretsInput{Filters: filter("name", "!prod")}, "dev/db zeta fooBarBaz two-sep/x"},
		{"values are alternatives", core.ListSecretsInput{Filters: filter("name", "prod|zeta")}, "prod/db zeta"},
		{"filters are all to match", core.ListSecretsInput{Filters: filter("tag-key", "team", "tag-value", "bl")}, "prod/db"},
		{"description by words", core.ListSecretsInput{Filters: filter("description", "a secret")}, "prod/db dev/db"},
		{"description, beginnings of words", core.ListSecretsInput{Filters: filter("description", "devel")}, "dev/db"},
		{"all, by parts of a name", core.ListSecretsInput{Filters: filter("all", "bar")}, "fooBarBaz"},
		{"all, of two separators", core.ListSecretsInput{Filters: filter("all", "x")}, ""},
		{"all, by the case", core.ListSecretsInput{Filters: filter("all", "ythings")}, "zeta"},
		{"all, a lone sign", core.ListSecretsInput{Filters: filter("all", "+")}, ""},
		{"no owning service", core.ListSecretsInput{Filters: filter("owning-service", "rds")}, ""},
	} {
		if got := strings.Join(list(t, h, test.in), " "); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestPurge(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	h := coretest.New(t, coretest.At(func() time.Time { return now }))
	before := h.Entries()
	for i := range 150 {
		name := fmt.Sprint("s", i)
		create(t, h, core.CreateSecretInput{Name: name, Content: coretest.TextOf("x"), Tags: []secret.Tag{{Key: "a"}}})
		if _, err := h.DeleteSecret(ctx, coretest.Admin(), core.DeleteSecretInput{Ref: coretest.Ref(name), Window: 7 * 24 * time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	create(t, h, core.CreateSecretInput{Name: "stays", Content: coretest.TextOf("x")})
	purge := func() (total int) {
		for {
			due, err := h.Due(ctx)
			if err != nil || !due {
				return total
			}
			n, err := h.PurgeDeleted(ctx, core.House(secret.PurgeDeleted))
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
	}
	if n := purge(); n != 0 {
		t.Errorf("%d went before their time", n)
	}
	now = now.Add(7*24*time.Hour + time.Second)
	if n := purge(); n != 150 {
		t.Errorf("%d of 150 went", n)
	}
	if _, err := h.DeleteSecret(ctx, coretest.Admin(), core.DeleteSecretInput{Ref: coretest.Ref("stays"), Force: true}); err != nil {
		t.Fatal(err)
	}
	h.Records()
	for key := range h.Entries() {
		if _, ok := before[key]; !ok && key != "audit/head" && !strings.HasPrefix(key, "event/") {
			t.Errorf("%q was left behind", key)
		}
	}
}

// failing is a store whose n-th update fails, before or after it is applied.
type failing struct {
	store.Store
	nth   int
	after bool
}

var errDisk = errors.New("the disk failed")

func (f *failing) Update(ctx context.Context, fn func(store.Writer) error) error {
	f.nth--
	if f.nth != 0 {
		return f.Store.Update(ctx, fn)
	}
	if !f.after {
		return errDisk
	}
	if err := f.Store.Update(ctx, fn); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnknown, errDisk)
}

// Whichever update of a story fails, and whether or not it was done: what was
// acknowledged is there, one version is current, and every change that is
// there has its record.
func TestFailingStore(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			f := &failing{Store: mem.New(), nth: n, after: after}
			h := coretest.New(t, coretest.On(f))
			acked := story(h)
			if f.nth > 0 {
				break // the story is over: no update was left to fail
			}
			f.nth = 0
			checkStory(t, fmt.Sprintf("update %d, applied %v", n, after), h, acked)
		}
	}
}

// story writes versions and moves labels, and gives the versions that were
// acknowledged.
func story(h *coretest.House) (acked []string) {
	who, ref := coretest.Admin(), coretest.Ref("s")
	_, err := h.CreateSecret(ctx, who, core.CreateSecretInput{Space: coretest.Space, Name: "s", Token: "v1", Content: coretest.TextOf("v1")})
	if err == nil {
		acked = append(acked, "v1")
	}
	for _, id := range []string{"v2", "v3", "v4"} {
		if _, err := h.PutValue(ctx, who, core.PutValueInput{Ref: ref, Token: id, Content: coretest.TextOf(id)}); err == nil {
			acked = append(acked, id)
		}
		_ = h.Gate.Ship(ctx)
	}
	_, _ = h.MoveLabel(ctx, who, core.MoveLabelInput{Ref: ref, Label: secret.Current, To: "v2", From: "v4"})
	_, _ = h.TagSecret(ctx, who, ref, []secret.Tag{{Key: "a", Value: "b"}})
	return acked
}

func checkStory(t *testing.T, name string, h *coretest.House, acked []string) {
	t.Helper()
	who, ref := coretest.Admin(), coretest.Ref("s")
	for _, id := range acked {
		got, err := h.GetValue(ctx, who, core.GetValueInput{Ref: ref, VersionID: id})
		if err != nil || string(got.Content.Value.Open()) != id {
			t.Errorf("%s: version %s: %v", name, id, err)
		}
	}
	d, err := h.DescribeSecret(ctx, who, ref)
	if fault.Is(err, fault.NotFound) && acked == nil {
		return // it was never made, and nobody was told that it was
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if d.Secret.At(secret.Current) == nil {
		t.Errorf("%s: no version is current", name)
	}
	if err := h.Gate.Recover(ctx); err != nil { // as a start would
		t.Errorf("%s: %v", name, err)
	}
	records := h.Records()
	for _, v := range d.Secret.Versions {
		n := 0
		for _, r := range records {
			if (r.Verb == "PutValue" || r.Verb == "CreateSecret") && r.Outcome == "ok" && r.Version == v.ID {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: version %s has %d records of its making", name, v.ID, n)
		}
	}
}

// brokenLog fails the n-th append.
type brokenLog struct {
	audit.Log
	nth int
}

func (l *brokenLog) Append(records ...[]byte) error {
	if l.nth--; l.nth == 0 {
		return fmt.Errorf("%w: %w", audit.ErrFailed, errDisk)
	}
	return l.Log.Append(records...)
}

// Without a record there is no answer, and after the first failure there is
// none at all.
func TestFailingLog(t *testing.T) {
	var log *brokenLog
	h := coretest.New(t, func(c *gate.Config) { log = &brokenLog{Log: c.Log}; c.Log = log })
	create(t, h, core.CreateSecretInput{Name: "s", Content: coretest.TextOf("x")})
	log.nth = 1
	got, err := h.GetValue(ctx, coretest.Admin(), core.GetValueInput{Ref: coretest.Ref("s")})
	if !fault.Is(err, fault.Sealed) || !got.Content.Value.IsZero() {
		t.Errorf("an answer without a record: %v", err)
	}
	if _, err := h.GetValue(ctx, coretest.Admin(), core.GetValueInput{Ref: coretest.Ref("s")}); !fault.Is(err, fault.Sealed) {
		t.Error("a read after the failure:", err)
	}
	if _, err := h.PutValue(ctx, coretest.Admin(), core.PutValueInput{Ref: coretest.Ref("s"), Token: "v2", Content: coretest.TextOf("y")}); !fault.Is(err, fault.Sealed) {
		t.Error("a write after the failure:", err)
	}
}

func TestPasswords(t *testing.T) {
	h := coretest.New(t)
	for _, test := range []struct {
		rules core.PasswordRules
		fails bool
		check func(string) bool
	}{
		{core.PasswordRules{Length: 32, EachType: true}, false, func(s string) bool {
			return len(s) == 32 && strings.ContainsAny(s, "0123456789") && strings.ToLower(s) != s && strings.ToUpper(s) != s
		}},
		{core.PasswordRules{Length: 500, NoLower: true, NoUpper: true, NoPunctuation: true}, false, func(s string) bool { return strings.Trim(s, "0123456789") == "" }},
		{core.PasswordRules{Length: 500, Exclude: "abc!", EachType: true}, false, func(s string) bool { return !strings.ContainsAny(s, "abc!") }},
		{core.PasswordRules{Length: 5, Space: true, EachType: true}, false, func(s string) bool { return strings.Count(s, " ") == 1 }},
		{core.PasswordRules{Length: 3, EachType: true}, true, nil},
		{core.PasswordRules{Length: 3, NoLower: true, NoUpper: true, NoPunctuation: true, NoNumbers: true}, true, nil},
	} {
		got, err := h.RandomPassword(ctx, coretest.Admin(), coretest.Space, test.rules)
		if (err != nil) != test.fails || err == nil && !test.check(string(got.Open())) {
			t.Errorf("%+v: %q, %v", test.rules, got.Open(), err)
		}
	}
}

// What is remembered of reads shows at once, and is written down later.
func TestAccessDates(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	h := coretest.New(t, coretest.At(func() time.Time { return now }))
	create(t, h, core.CreateSecretInput{Name: "s", Content: coretest.TextOf("x")})
	midnight := secret.InstantOf(now.Truncate(24 * time.Hour))
	accessed := func() secret.Instant {
		d, err := h.DescribeSecret(ctx, coretest.Admin(), coretest.Ref("s"))
		if err != nil {
			t.Fatal(err)
		}
		return d.Secret.Accessed
	}
	if accessed() != 0 {
		t.Error("accessed before it was read")
	}
	for range 3 {
		if _, err := h.GetValue(ctx, coretest.Admin(), core.GetValueInput{Ref: coretest.Ref("s")}); err != nil {
			t.Fatal(err)
		}
		if accessed() != midnight {
			t.Error("it shows", accessed().Time())
		}
		if _, err := h.RecordAccess(ctx, core.House(secret.RecordAccess)); err != nil || h.Accesses() {
			t.Error("something is left to write down", err)
		}
	}
	if got := list(t, h, core.ListSecretsInput{Order: core.ByAccessed}); !slices.Equal(got, []string{"s"}) {
		t.Error(got)
	}
}
