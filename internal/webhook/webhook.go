// Package webhook tells URLs of events, signed as Standard Webhooks says, and
// again until they take it. Each is told in the order of the events, and what
// the user who registered it may know at that time.
//
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Client is an HTTP client for URLs that users gave: it follows no redirect.
func Client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:       http.ProxyFromEnvironment,
			DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
		},
	}
}

// WithoutURL leaves the URL out of an error, which may hold a key.
func WithoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// Sign sets the headers of a message. The id is the same whenever the same
// thing is told again.
func Sign(h http.Header, key []byte, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.", id, stamp)
	mac.Write(body)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// Teller tells the webhooks of a house.
type Teller struct {
	Core      *core.Core
	Directory *identity.Directory
	Now       func() time.Time
	Patience  func(attempt int) time.Duration // before the next try

	client *http.Client
	once   sync.Once
	seen   <-chan struct{}

	mu      sync.Mutex
	due     time.Time       // when a webhook that failed is to be tried again; zero for none
	again   bool            // one was told all that it was told in its turn
	telling map[string]bool // those whose turn it is: true if there is news since it began
	turns   sync.WaitGroup
}

// answerTime is how long a URL may take to answer.
const answerTime = 15 * time.Second

func house() core.Caller {
	who := core.House(secret.OpenWebhooks, secret.SettleWebhook, secret.ActAs)
	who.Door = "webhook"
	return who
}

// Tell gives every webhook that does not know everything, and is not being told
// just now, a turn, and returns. The turns go on until ctx ends, and Wait
// returns when they have. It is not safe for concurrent use.
func (t *Teller) Tell(ctx context.Context) error {
	t.once.Do(func() { t.client, t.telling = Client(answerTime), map[string]bool{} })
	if !t.wanted() {
		return nil
	}
	any, err := t.Core.AnyWebhooks(ctx)
	if err != nil {
		return err
	}
	signal := t.Core.EventsAfter()
	if any {
		all, err := t.Core.OpenWebhooks(ctx, house())
		if err != nil {
			return err
		}
		for i := range all {
			t.turn(ctx, &all[i])
		}
	}
	t.seen = signal
	return nil
}

// wanted reports whether there is anything new, or a time to try again has
// come.
func (t *Teller) wanted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanted := t.seen == nil || t.again || !t.due.IsZero() && !t.Now().Before(t.due)
	select {
	case <-t.seen:
		wanted = true
	default:
	}
	if wanted {
		t.again, t.due = false, time.Time{}
	}
	return wanted
}

// Wait waits for the turns.
func (t *Teller) Wait() { t.turns.Wait() }

// atOnce bounds how many webhooks are told at the same time, turnTime for how
// long each: a slow one holds up no other.
const (
	atOnce   = 32
	turnTime = 30 * time.Second
)

// turn begins a webhook's turn, if it is not having it, and its time has come.
func (t *Teller) turn(ctx context.Context, h *core.Hook) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := h.Space.Account + "/" + h.Space.Region + "/" + h.Name
	_, having := t.telling[name]
	switch next := h.Next.Time(); {
	case having:
		clear(h.Key)
		t.telling[name] = true
		return
	case !h.Next.IsZero() && next.After(t.Now()):
		clear(h.Key)
		t.tryAt(next)
		return
	case len(t.telling) >= atOnce:
		clear(h.Key)
		t.again = true
		return
	}
	t.telling[name] = false
	t.turns.Go(func() {
		more := t.tell(ctx, h)
		clear(h.Key)
		t.mu.Lock()
		defer t.mu.Unlock()
		if h.Next.IsZero() {
			t.again = t.again || more || t.telling[name]
		} else {
			t.tryAt(h.Next.Time())
		}
		delete(t.telling, name)
	})
}

// tryAt notes the earliest time at which a webhook is to be tried again.
func (t *Teller) tryAt(next time.Time) {
	if t.due.IsZero() || next.Before(t.due) {
		t.due = next
	}
}

// tell tells one webhook what it does not know, for the time of its turn, and
// notes how far it got. more: it was not told all.
func (t *Teller) tell(ctx context.Context, h *core.Hook) (more bool) {
	begun := *h
	until := t.Now().Add(turnTime)
	for {
		var err error
		more, err = t.safely(ctx, h)
		if err != nil && ctx.Err() == nil {
			h.Attempts++
			h.Error, h.Next = err.Error(), secret.InstantOf(t.Now().Add(t.Patience(h.Attempts-1)))
		} else if err == nil {
			h.Attempts, h.Error, h.Next = 0, "", 0
		}
		if err != nil || !more || t.Now().After(until) {
			break
		}
	}
	if h.After != begun.After || h.Attempts != begun.Attempts {
		_ = t.Core.SettleWebhook(context.WithoutCancel(ctx), house(), *h) // or it is told once more, under the same id
	}
	return more
}

// safely makes an error of a panic: what answers is not ours.
func (t *Teller) safely(ctx context.Context, h *core.Hook) (more bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("telling it failed: %v", p)
		}
	}()
	return t.batch(ctx, h)
}

// perPage is after how many events it is asked again whether the webhook is
// still there, and what its user may know.
const perPage = 10

func (t *Teller) batch(ctx context.Context, h *core.Hook) (more bool, err error) {
	if there, err := t.there(ctx, h); err != nil || !there {
		return false, err
	}
	who, err := t.Directory.ActAs(ctx, house(), h.Owner, h.OwnerID)
	if err != nil {
		return false, fmt.Errorf("the user who registered it may not be asked for: %w", err)
	}
	who.Region = h.Space.Region
	page, err := t.Core.ReadEvents(ctx, who, core.ReadEventsInput{Space: h.Space, After: h.After, Prefix: h.Prefix, Max: perPage})
	if err != nil {
		return false, err
	}
	for i := range page.Events {
		if err := t.post(ctx, h, &page.Events[i]); err != nil {
			return false, err
		}
		h.After = page.Events[i].Sequence
	}
	h.After = page.Next
	return page.More, nil
}

// there reports whether the webhook is still registered.
func (t *Teller) there(ctx context.Context, h *core.Hook) (bool, error) {
	all, err := t.Core.OpenWebhooks(ctx, house())
	found := false
	for i := range all {
		clear(all[i].Key)
		found = found || all[i].Space == h.Space && all[i].Name == h.Name && all[i].Created == h.Created
	}
	return found, err
}

// message is what a URL is told.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	ARN       string
	Kind      string
	Name      string
	Sequence  uint64
	VersionId string `json:",omitempty"` //nolint:revive // the wire's spelling
}

func (t *Teller) post(ctx context.Context, h *core.Hook, e *core.Event) error {
	body, err := json.Marshal(message{"secret." + e.Kind.String(), e.Time.Time(), data{arn.Secret(e.Ref()), e.Kind.String(), e.Name, e.Sequence, e.Version}})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "strongroom")
	Sign(r.Header, h.Key, fmt.Sprintf("event_%d_%d", h.Created, e.Sequence), t.Now(), body)
	resp, err := t.client.Do(r)
	if err != nil {
		return WithoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return nil
}
