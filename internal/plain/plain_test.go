package plain_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/strongroom-dev/strongroom/internal/plain"
)

const canary = "hunter2-canary"

type exported struct{ V plain.Value }

type unexported struct {
	name string
	v    plain.Value
	p    *plain.Value
}

// shapes are the positions in which a value may reach a printer.
func shapes() map[string]any {
	v := plain.New([]byte(canary))
	return map[string]any{
		"direct":             v,
		"pointer":            &v,
		"exported field":     exported{v},
		"exported pointer":   &exported{v},
		"unexported field":   unexported{"x", v, &v},
		"unexported pointer": &unexported{"x", v, &v},
		"slice":              []plain.Value{v},
		"map":                map[string]plain.Value{"k": v},
		"interface":          []any{v, &v},
		"array":              [2]unexported{{v: v}, {p: &v}},
	}
}

func leaks(s string) bool {
	return strings.Contains(s, canary) ||
		strings.Contains(s, fmt.Sprintf("%x", canary)) ||
		strings.Contains(s, fmt.Sprintf("%X", canary)) ||
		strings.Contains(s, strings.Trim(fmt.Sprint([]byte(canary)), "[]")) ||
		strings.Contains(s, "aHVudGVyMi1jYW5hcnk")
}

func TestNoVerbPrintsAValue(t *testing.T) {
	verbs := "vTtbcdoOqxXUeEfFgGsp"
	flags := []string{"", "+", "#", "-", " ", "0", "+#", "10", ".3", "#+0 -20.10"}
	for name, x := range shapes() {
		for _, verb := range verbs {
			for _, flag := range flags {
				format := "%" + flag + string(verb)
				if got := fmt.Sprintf(format, x); leaks(got) {
					t.Errorf("%s %s: %s", name, format, got)
				}
			}
		}
		if got := fmt.Errorf("wrapped: %w %v", fmt.Errorf("%v", x), x).Error(); leaks(got) {
			t.Errorf("%s in an error: %s", name, got)
		}
	}
}

func TestNoEncoderWritesAValue(t *testing.T) {
	encoders := map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"xml":  xml.Marshal,
		"cbor": cbor.Marshal,
		"gob": func(x any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(x)
			return b.Bytes(), err
		},
		"slog json": func(x any) ([]byte, error) {
			var b bytes.Buffer
			slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "x", x)
			return b.Bytes(), nil
		},
		"slog text": func(x any) ([]byte, error) {
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, nil)).Info("m", "x", x)
			return b.Bytes(), nil
		},
	}
	for enc, encode := range encoders {
		for name, x := range shapes() {
			got, err := encode(x)
			if leaks(string(got)) {
				t.Errorf("%s, %s: %s", enc, name, got)
			}
			if err != nil && leaks(err.Error()) {
				t.Errorf("%s, %s: the error: %v", enc, name, err)
			}
		}
	}
}

func TestWipeAndEqual(t *testing.T) {
	b := []byte(canary)
	v := plain.New(b)
	c := v.Clone()
	if !v.Equal(c) {
		t.Error("a clone differs")
	}
	v.Wipe()
	if !bytes.Equal(b, make([]byte, len(b))) {
		t.Error("Wipe left bytes")
	}
	if v.Equal(c) || string(c.Open()) != canary {
		t.Error("the clone shares memory")
	}
	if !(plain.Value{}).IsZero() || plain.New([]byte{}).IsZero() {
		t.Error("an empty value and no value are not the same")
	}
}
