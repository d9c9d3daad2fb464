package rotation

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

var errNoMaster = fault.New(fault.Invalid, `This rotation needs a superuser: the secret's value must have a "masterarn", the ARN or the name of the secret that holds one.`)

func arnOf(r secret.Ref) string { return arn.Secret(r) }

func (p *passwords) swaps() bool {
	_, overlapping := p.engine.(engine.Overlapping)
	return !p.alternating && !overlapping
}

func (*passwords) patience() time.Duration { return driverTime }

func (p *passwords) perform(ctx context.Context, claim *core.Claim) (core.Outcome, error) {
	if changed(claim) || foreign(claim) {
		return core.Outcome{Rebase: true}, nil
	}
	switch claim.Run.Step {
	case secret.StepCreate:
		return core.Outcome{}, p.create(ctx, claim)
	case secret.StepSet:
		return core.Outcome{}, p.set(ctx, claim)
	case secret.StepTest:
		return core.Outcome{}, p.test(ctx, claim)
	default:
		return core.Outcome{Moves: true}, nil
	}
}

// create gives the pending version its value: the current one with another
// password, and perhaps another user.
func (p *passwords) create(ctx context.Context, claim *core.Claim) error {
	doc, err := begin(ctx, p.core, claim)
	if doc == nil {
		return err
	}
	defer doc.wipe()
	if _, err := doc.login(p.engine.Traits().Names); err != nil {
		return err
	}
	carried, err := p.carry(ctx, claim, doc)
	if err != nil {
		return err
	}
	if !carried {
		if err := p.renew(ctx, claim, doc); err != nil {
			return err
		}
	}
	return putPending(ctx, p.core, claim, doc)
}

// carry takes over the credentials of a version that never became current,
// which may be in force already.
func (p *passwords) carry(ctx context.Context, claim *core.Claim, doc *document) (bool, error) {
	v := claim.Secret.ByID(claim.Run.Carry)
	if v == nil || v.Form == secret.NoValue {
		return false, nil
	}
	old, err := get(ctx, p.core, claim.Ref, v.ID)
	if err != nil {
		return false, err
	}
	defer old.wipe()
	if p.target(old) != p.target(doc) {
		return false, nil
	}
	doc.set("username", []byte(old.text("username")))
	doc.set("password", []byte(old.text("password")))
	return true, nil
}

// renew draws another password.
func (p *passwords) renew(ctx context.Context, claim *core.Claim, doc *document) error {
	if p.alternating {
		next := other(doc.text("username"))
		if limit := p.engine.Traits().UserLimit; len(next) > limit {
			return fault.New(fault.Invalid, "The user's name %s is longer than the %d bytes that this system allows.", next, limit)
		}
		doc.set("username", []byte(next))
	}
	rules, err := passwordRules(claim.Secret.Tags, p.engine.Traits().Exclude)
	if err != nil {
		return err
	}
	password, err := p.core.RandomPassword(ctx, house(), claim.Ref.Space, rules)
	if err != nil {
		return err
	}
	defer password.Wipe()
	doc.set("password", password.Open())
	return nil
}

// TagPrefix begins the tags that say how a secret's passwords are made. What
// follows is named as the environment of AWS's functions.
const TagPrefix = "strongroom:"

// passwordRules are those of the engine, changed by the secret's tags.
func passwordRules(tags []secret.Tag, exclude string) (core.PasswordRules, error) {
	rules := core.PasswordRules{Length: 32, Exclude: exclude, EachType: true}
	switches := map[string]*bool{
		"EXCLUDE_NUMBERS": &rules.NoNumbers, "EXCLUDE_PUNCTUATION": &rules.NoPunctuation, "EXCLUDE_UPPERCASE": &rules.NoUpper,
		"EXCLUDE_LOWERCASE": &rules.NoLower, "REQUIRE_EACH_INCLUDED_TYPE": &rules.EachType,
	}
	for _, t := range tags {
		name, ok := strings.CutPrefix(t.Key, TagPrefix)
		if !ok {
			continue
		}
		var err error
		switch {
		case name == "PASSWORD_LENGTH":
			rules.Length, err = strconv.Atoi(t.Value)
			if err == nil && (rules.Length < 8 || rules.Length > 256) {
				err = errors.New("it is between 8 and 256")
			}
		case name == "EXCLUDE_CHARACTERS":
			rules.Exclude = t.Value
		case switches[name] != nil:
			*switches[name], err = strconv.ParseBool(t.Value)
		}
		if err != nil {
			return rules, fault.New(fault.Invalid, "The secret's tag %s is not right: %v.", t.Key, err)
		}
	}
	return rules, nil
}

// set has the outside system take the pending password.
func (p *passwords) set(ctx context.Context, claim *core.Claim) error {
	doc, pending, err := p.loginOf(ctx, claim, claim.Run.Version)
	if err != nil {
		return err
	}
	defer doc.wipe()
	defer pending.Password.Wipe()
	if claim.Rotation.Target != "" && claim.Rotation.Target != p.target(doc) || claim.Rotation.Target == "" && doc.text("masterarn") != "" {
		return errTarget
	}
	err = p.engine.Check(ctx, pending)
	if err == nil || !errors.Is(err, engine.ErrRefused) {
		return hidden(err, pending) // it has it already, or is not to be reached
	}
	if doc.text("masterarn") == "" {
		return p.setOwn(ctx, claim, pending)
	}
	master, err := p.master(ctx, claim, doc, pending)
	if err != nil {
		return err
	}
	defer master.Password.Wipe()
	if user := base(pending.User); p.alternating && user != pending.User {
		return hidden(p.engine.Clone(ctx, master, user, pending.User, pending.Password), pending, master)
	}
	if err := p.keepCurrent(ctx, claim, master, pending); err != nil {
		return err
	}
	return hidden(p.engine.SetPassword(ctx, master, pending.User, pending.Password), pending, master)
}

// keepCurrent takes from a user that can have several passwords all but the
// current one, which stays good until the next rotation.
func (p *passwords) keepCurrent(ctx context.Context, claim *core.Claim, master, pending engine.Login) error {
	o, ok := p.engine.(engine.Overlapping)
	id, err := current(claim)
	if !ok || err != nil {
		return err
	}
	doc, now, err := p.loginOf(ctx, claim, id)
	if err != nil {
		return err
	}
	defer doc.wipe()
	defer now.Password.Wipe()
	if now.User != pending.User {
		return nil
	}
	return hidden(o.Retire(ctx, master, now.User, now.Password), now, master)
}

// setOwn has the user itself change its password, with the current one or, as
// a rotation may have been cut off earlier, the previous one.
func (p *passwords) setOwn(ctx context.Context, claim *core.Claim, pending engine.Login) error {
	last := error(engine.ErrRefused)
	for _, v := range []*secret.Version{claim.Secret.ByNumber(claim.Run.From), claim.Secret.At(secret.Previous)} {
		if v == nil || v.Form == secret.NoValue {
			continue
		}
		doc, l, err := p.loginOf(ctx, claim, v.ID)
		if err != nil || l.User != pending.User || l.Host != pending.Host || l.Port != pending.Port {
			continue
		}
		err = p.engine.SetPassword(ctx, l, pending.User, pending.Password)
		err = hidden(err, l, pending)
		doc.wipe()
		l.Password.Wipe()
		if err == nil || !errors.Is(err, engine.ErrRefused) {
			return err
		}
		last = err
	}
	return refused(pending.User, last)
}

// master is the login of the superuser, on the same system as the pending one:
// its password goes nowhere else.
func (p *passwords) master(ctx context.Context, claim *core.Claim, doc *document, pending engine.Login) (engine.Login, error) {
	ref, err := arn.ParseSecretID(doc.text("masterarn"), claim.Ref.Space)
	if err != nil {
		return engine.Login{}, errNoMaster
	}
	opened, err := p.core.GetValue(ctx, house(), core.GetValueInput{Ref: ref})
	if err != nil {
		return engine.Login{}, fmt.Errorf("the master secret: %s", failure(err))
	}
	defer opened.Content.Value.Wipe()
	if arn.Secret(opened.Ref) != claim.Rotation.Lender {
		return engine.Login{}, errTarget // it is called so, but is another one
	}
	m, err := parse(opened.Content.Value)
	if err != nil {
		return engine.Login{}, fmt.Errorf("the master secret: %s", failure(err))
	}
	defer m.wipe()
	l, err := m.login(p.engine.Traits().Names)
	switch {
	case err != nil:
		return l, fmt.Errorf("the master secret: %s", failure(err))
	case l.Host != pending.Host || l.Port != pending.Port:
		l.Password.Wipe()
		return l, errors.New("the master secret is for another host or port than the secret")
	}
	return l, nil
}

// test logs in with the pending password.
func (p *passwords) test(ctx context.Context, claim *core.Claim) error {
	doc, l, err := p.loginOf(ctx, claim, claim.Run.Version)
	if err != nil {
		return err
	}
	defer doc.wipe()
	defer l.Password.Wipe()
	return hidden(p.engine.Check(ctx, l), l)
}

// loginOf is the login that a version holds.
func (p *passwords) loginOf(ctx context.Context, claim *core.Claim, version string) (*document, engine.Login, error) {
	doc, err := get(ctx, p.core, claim.Ref, version)
	if err != nil {
		return nil, engine.Login{}, err
	}
	l, err := doc.login(p.engine.Traits().Names)
	if err != nil {
		doc.wipe()
		return nil, l, err
	}
	return doc, l, nil
}

// secretive is an error whose text was cleared of passwords.
type secretive struct {
	text  string
	cause error
}

func (e *secretive) Error() string { return e.text }
func (e *secretive) Unwrap() error { return e.cause }

// hidden clears the text of an error of the passwords of logins.
func hidden(err error, logins ...engine.Login) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, l := range logins {
		text = hide(text, l.Password)
	}
	return &secretive{text, err}
}
