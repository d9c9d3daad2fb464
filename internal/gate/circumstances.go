package gate

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// circumstances are what conditions of policies may ask for. Of the request
// itself the gate knows; what the operation was given, and who the caller is,
// is looked up in what the caller brought.
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)
type circumstances struct {
	who      *Caller
	now      time.Time
	owner    string
	resource string
	tags     []secret.Tag
	function string // what rotates a secret
	primary  string // of what region a secret is
	boundary string // of the user or role that the request is about
}

// Lookup implements policy.Keys.
func (c *circumstances) Lookup(key string) policy.Value {
	switch key {
	case "aws:sourceip":
		return c.sourceIP()
	case "aws:useragent":
		return given(c.who.Client)
	case "aws:securetransport":
		return policy.One(strconv.FormatBool(c.who.Secure))
	case "aws:currenttime":
		return policy.One(c.now.UTC().Format(time.RFC3339))
	case "aws:epochtime":
		return policy.One(strconv.FormatInt(c.now.Unix(), 10))
	case "aws:requestedregion":
		return given(c.who.Region)
	case "aws:resourceaccount":
		return given(c.owner)
	case "secretsmanager:secretprimaryregion":
		return given(c.primary)
	case "secretsmanager:resource/allowrotationlambdaarn":
		return given(c.function)
	case "secretsmanager:secretid":
		return given(c.resource)
	}
	if key == "iam:permissionsboundary" && (c.who.Given == nil || !c.who.Given.Lookup(key).Present) {
		return given(c.boundary)
	}
	if tag, ok := strings.CutPrefix(key, "aws:resourcetag/"); ok {
		return Tagged(c.tags, tag)
	}
	if _, tag, ok := strings.Cut(key, ":resourcetag/"); ok {
		return Tagged(c.tags, tag)
	}
	if c.who.Given != nil {
		if v := c.who.Given.Lookup(key); v.Present || v.Multi {
			return v
		}
	}
	if c.who.Facts != nil {
		return c.who.Facts.Lookup(key)
	}
	return policy.Value{}
}

// supposed are the circumstances of a request that nobody made: what it is
// supposed to bring comes first.
type supposed struct {
	circumstances
	missing []string
}

// Lookup implements policy.Keys.
func (s *supposed) Lookup(key string) policy.Value {
	if s.who.Given != nil {
		if v := s.who.Given.Lookup(key); v.Present {
			return v
		}
	}
	v := s.circumstances.Lookup(key)
	if !v.Present && !slices.Contains(s.missing, key) {
		s.missing = append(s.missing, key)
	}
	return v
}

func given(s string) policy.Value { return policy.Value{Present: s != "", One: s} }

// Tagged is the value of a tag. As in all condition keys, the case of its key
// does not count.
func Tagged(tags []secret.Tag, key string) policy.Value {
	for i := range tags {
		if fold.Equal(tags[i].Key, key) {
			return policy.One(tags[i].Value)
		}
	}
	return policy.Value{}
}

func (c *circumstances) sourceIP() policy.Value {
	host, _, err := net.SplitHostPort(c.who.Source)
	if err != nil {
		host = c.who.Source
	}
	return given(host)
}
