package audit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/strongroom-dev/strongroom/internal/audit"
)

func TestRecordIsJSON(t *testing.T) {
	r := audit.Record{
		ID: "id", Time: time.Unix(1, 2000).UTC(), Node: "n", Door: "aws", Caller: "arn:x", AccessKey: "AK", Source: "1.2.3.4:5",
		Client: strings.Repeat("é", 200) + "\"\n\x00\xff", RequestID: "rid", Verb: "GetValue", Resource: "a\"b\\c\x01\xfe\u2028",
		Items: []audit.Item{{Resource: "r", Decision: "allow"}}, Decision: "allow", Reasons: []string{"one", "two\""},
		Outcome: "ok", Version: "v", Value: [32]byte{1}, Took: 1500 * time.Nanosecond,
	}
	line := r.Append(nil)
	var m map[string]any
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for field, want := range map[string]string{"id": "id", "time": "1970-01-01T00:00:01.000002Z", "resource": "a\"b\\c\x01\ufffd\u2028", "took_us": "1"} {
		if got := fmt.Sprint(m[field]); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	if len(m) != 18 {
		t.Errorf("%d fields: %s", len(m), line)
	}
	back, err := audit.Parse(line)
	if err != nil || back.ID != "id" || back.Verb != "GetValue" || !back.Time.Equal(r.Time) {
		t.Errorf("%+v, %v", back, err)
	}
	if got := string((&audit.Record{}).Append(nil)); strings.Contains(got, "outcome") {
		t.Error("empty fields are shown:", got)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("x", "y\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		line := (&audit.Record{ID: "i", Resource: a, Client: b, Reasons: []string{a, b}}).Append(nil)
		if !json.Valid(line) || strings.ContainsAny(string(line), "\n\x00") {
			t.Errorf("%q", line)
		}
	})
}

func TestFrontierAgreesWithTlog(t *testing.T) {
	var f audit.Frontier
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for n := range int64(200) {
		want, err := tlog.TreeHash(n, reader)
		if err != nil {
			t.Fatal(err)
		}
		if h := f.Head(); h.Size != n || h.Root != want {
			t.Fatalf("size %d: %v, want %v", n, h, want)
		}
		again := audit.Resume(f.Size, f.Edges())
		if again.Root() != f.Root() {
			t.Fatalf("size %d: resuming lost something", n)
		}
		leaf := []byte(fmt.Sprint("record", n))
		hashes, err := tlog.StoredHashes(n, leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		f.Add(tlog.RecordHash(leaf))
	}
}

func TestCheckpoint(t *testing.T) {
	skey, vkey, err := audit.GenerateKey("log.example/1")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Head{Size: 7, Root: [32]byte{1, 2, 3}}
	cp, err := audit.Sign(signer, want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := audit.OpenCheckpoint(verifier, cp); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	bad := []byte(strings.Replace(string(cp), "\n7\n", "\n8\n", 1))
	if _, err := audit.OpenCheckpoint(verifier, bad); err == nil {
		t.Error("an edited checkpoint was accepted")
	}
}
