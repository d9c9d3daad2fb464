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
	due    time.Time // when a webhook that failed is to be tried again; zero for none
	seen   <-chan struct{}
}

// answerTime is how long a URL may take to answer.
const answerTime = 15 * time.Second

func house() core.Caller {
	who := core.House(secret.OpenWebhooks, secret.SettleWebhook, secret.ActAs)
	who.Door = "webhook"
	return who
}

// Tell tells every webhook what it does not know yet, if there is anything new
// or a time to try again has come. It is not safe for concurrent use.
func (t *Teller) Tell(ctx context.Context) error {
	t.once.Do(func() { t.client = Client(answerTime) })
	select {
	case <-t.seen:
	default:
		if t.seen != nil && (t.due.IsZero() || t.Now().Before(t.due)) {
			return nil
		}
	}
	any, err := t.Core.AnyWebhooks(ctx)
	if err != nil {
		return err
	}
	signal := t.Core.EventsAfter()
	t.due = time.Time{}
	if any {
		all, err := t.Core.OpenWebhooks(ctx, house())
		if err != nil {
			return err
		}
		t.tellAll(ctx, all)
	}
	t.seen = signal
	return nil
}

// atOnce bounds how many webhooks are told at the same time.
const atOnce = 8

func (t *Teller) tellAll(ctx context.Context, all []core.Hook) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			h := &all[i]
			if !h.Next.Time().After(t.Now()) || h.Next.IsZero() {
				t.tell(ctx, h)
			}
			clear(h.Key)
			mu.Lock()
			defer mu.Unlock()
			if next := h.Next.Time(); !h.Next.IsZero() && (t.due.IsZero() || next.Before(t.due)) {
				t.due = next
			}
		})
	}
	wg.Wait()
}

// tell tells one webhook all that it does not know, and notes how far it got.
func (t *Teller) tell(ctx context.Context, h *core.Hook) {
	begun := *h
	for {
		more, err := t.batch(ctx, h)
		if err != nil && ctx.Err() == nil {
			h.Attempts++
			h.Error, h.Next = err.Error(), secret.InstantOf(t.Now().Add(t.Patience(h.Attempts-1)))
		} else if err == nil {
			h.Attempts, h.Error, h.Next = 0, "", 0
		}
		if err != nil || !more {
			break
		}
	}
	if h.After != begun.After || h.Attempts != begun.Attempts {
		_ = t.Core.SettleWebhook(context.WithoutCancel(ctx), house(), *h) // or it is told once more, under the same id
	}
}

func (t *Teller) batch(ctx context.Context, h *core.Hook) (more bool, err error) {
	who, err := t.Directory.ActAs(ctx, house(), h.Owner, h.OwnerID)
	if err != nil {
		return false, fmt.Errorf("the user who registered it may not be asked for: %w", err)
	}
	who.Region = h.Space.Region
	page, err := t.Core.ReadEvents(ctx, who, core.ReadEventsInput{Space: h.Space, After: h.After, Prefix: h.Prefix, Max: 100})
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
