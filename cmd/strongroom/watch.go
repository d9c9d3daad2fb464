package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func watchCommand() *cobra.Command {
	var after string
	var asJSON bool
	c := &cobra.Command{
		Use:   "watch [PREFIX]",
		Short: "Print what changes about secrets, as it changes",
		Long: `Print what changes about secrets, as it changes: another current version, a
label that moved, another policy, a deletion. Values are not shown. Only changes
of secrets that you may describe are.

Where the connection breaks it is made anew, and nothing in between is missed;
"missed" is printed if there was more than the server remembers.`,
		Args: cobra.MaximumNArgs(1),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			w := &watcher{client: cl, out: c.OutOrStdout(), after: after, asJSON: asJSON}
			if len(args) > 0 {
				w.prefix = args[0]
			}
			return w.run(c.Context())
		}),
	}
	c.Flags().StringVar(&after, "after", "", "begin after the event of this number, not now")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return c
}

// watcher follows the events of a server.
type watcher struct {
	client *client
	out    io.Writer
	prefix string
	after  string // the number of the last event that was seen
	asJSON bool
}

// reconnect is how long it waits before it connects again.
const reconnect = time.Second

// run watches until ctx ends, or the server refuses.
func (w *watcher) run(ctx context.Context) error {
	for connected := false; ; {
		err := w.follow(ctx, &connected)
		if ctx.Err() != nil {
			return nil
		}
		if _, refused := errors.AsType[*apiError](err); refused || !connected {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reconnect):
		}
	}
}

func (w *watcher) follow(ctx context.Context, connected *bool) error {
	query := url.Values{}
	if w.prefix != "" {
		query.Set("prefix", w.prefix)
	}
	header := http.Header{"Accept": {"text/event-stream"}}
	if w.after != "" {
		header.Set("Last-Event-ID", w.after)
	}
	body, err := w.client.get(ctx, "/events", query, header)
	if err != nil {
		return err
	}
	defer body.Close()
	*connected = true
	kind := ""
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			w.after = value
		case "event":
			kind = value
		case "data":
			if err := w.print(kind, value); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// print prints one event.
func (w *watcher) print(kind, data string) error {
	if w.asJSON && kind != "end" {
		_, err := fmt.Fprintln(w.out, data)
		return err
	}
	var e struct {
		Name, VersionId string //nolint:revive // the wire's spelling
		Time            epoch
	}
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w.out, "%s  %-8s  %s  %s\n", e.Time, kind, e.Name, e.VersionId)
	return err
}
