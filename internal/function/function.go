// Package function calls rotation functions of the users' own: as AWS Lambda
// is invoked, so that the functions written for AWS run unmodified behind
// Lambda's Runtime Interface Emulator or anything else that speaks its API; or
// as a webhook that is signed as Standard Webhooks says.
//
// (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html,
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
package function

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/rotation"
	"github.com/strongroom-dev/strongroom/internal/webhook"
)

// Invoker implements rotation.Invoker. It is safe for concurrent use.
type Invoker struct {
	client *http.Client
	now    func() time.Time
	turns  sync.Map // URL -> chan struct{}: the emulator does one at a time
}

// New makes an invoker. It follows no redirect: a function is where it was
// registered to be.
func New() *Invoker {
	return &Invoker{now: time.Now, client: webhook.Client(0)} // every call has a time of its own
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 6 << 20

// Invoke implements rotation.Invoker. A function is called once at a time.
func (i *Invoker) Invoke(ctx context.Context, f core.Function, event rotation.Event) error {
	turn, _ := i.turns.LoadOrStore(f.URL, make(chan struct{}, 1))
	select {
	case turn.(chan struct{}) <- struct{}{}:
		defer func() { <-turn.(chan struct{}) }()
	case <-ctx.Done():
		return ctx.Err()
	}
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	r, err := i.request(ctx, f, event, body)
	if err != nil {
		return err
	}
	resp, err := i.client.Do(r)
	if err != nil {
		return fmt.Errorf("the function %s does not answer: %w", f.Name, webhook.WithoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("the answer of the function %s broke off: %w", f.Name, err)
	}
	return judge(f, resp, answer)
}

func (i *Invoker) request(ctx context.Context, f core.Function, event rotation.Event, body []byte) (*http.Request, error) {
	target := f.URL
	if f.Kind == core.Lambda {
		target = InvokeURL(f.URL, f.Name)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "strongroom")
	if f.Kind == core.Lambda {
		r.Header.Set("X-Amz-Invocation-Type", "RequestResponse")
		return r, nil
	}
	webhook.Sign(r.Header, f.Key, event.ClientRequestToken+"."+event.Step, i.now(), body)
	return r, nil
}

// invocations begins the path of Lambda's Invoke.
const invocations = "/2015-03-31/functions/"

// InvokeURL is where a function is invoked: a URL that names Invoke's path
// already stays as it is, one of a bare host is given it.
func InvokeURL(base, name string) string {
	if strings.Contains(base, invocations) {
		return base
	}
	return strings.TrimSuffix(base, "/") + invocations + url.PathEscape(name) + "/invocations"
}

// judge tells what became of a call. The emulator answers 200 also for a
// function that failed, without the header that Lambda has for it.
func judge(f core.Function, resp *http.Response, answer []byte) error {
	var problem struct{ ErrorMessage, ErrorType string }
	isProblem := json.Unmarshal(answer, &problem) == nil && (problem.ErrorMessage != "" || problem.ErrorType != "")
	switch {
	case isProblem:
		return fmt.Errorf("the function %s failed: %s: %s", f.Name, problem.ErrorType, problem.ErrorMessage)
	case resp.Header.Get("X-Amz-Function-Error") != "":
		return fmt.Errorf("the function %s failed: %s", f.Name, resp.Header.Get("X-Amz-Function-Error"))
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return fmt.Errorf("the function %s answered %s", f.Name, resp.Status)
	case f.Kind == core.Lambda && strings.HasPrefix(string(answer), "Task timed out after "):
		return fmt.Errorf("the function %s failed: %s", f.Name, answer)
	}
	return nil
}
