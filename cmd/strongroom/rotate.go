package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func rotateCommand() *cobra.Command {
	c := &cobra.Command{Use: "rotate", Short: "Rotate secrets, and see how it goes"}
	c.AddCommand(rotateStatusCommand(), rotateNowCommand(), rotateRetryCommand(), rotateCancelCommand())
	return c
}

// rotating is what DescribeSecret says of a secret's rotation.
type rotating struct {
	Name               string
	RotationEnabled    bool
	RotationLambdaARN  string
	RotationRules      rules
	LastRotatedDate    epoch
	NextRotationDate   epoch
	RotationProgress   *progress
	VersionIdsToStages map[string][]string //nolint:revive // the wire's spelling
}

type rules struct {
	AutomaticallyAfterDays int    `json:",omitempty"`
	ScheduleExpression     string `json:",omitempty"`
	Duration               string `json:",omitempty"`
}

func (r rules) String() string {
	text := r.ScheduleExpression
	if text == "" && r.AutomaticallyAfterDays > 0 {
		text = fmt.Sprintf("every %d days", r.AutomaticallyAfterDays)
	}
	if text != "" && r.Duration != "" {
		text += ", within " + r.Duration
	}
	return text
}

type progress struct {
	Attempts                        int
	LastError, State, Step          string
	VersionId                       string //nolint:revive // the wire's spelling
	LastFailedDate, NextAttemptDate epoch
}

func rotateStatusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status NAME",
		Short: "Show how a secret rotates, and why a rotation failed",
		Long: `Show how a secret rotates, and why a rotation failed.

The exit status is 1 if the last attempt failed.`,
		Args: exactly(1, "status needs the name of one secret"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			var d rotating
			if err := cl.call(c.Context(), "secretsmanager.DescribeSecret", map[string]string{"SecretId": args[0]}, &d); err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), d)
			}
			printRotation(c.OutOrStdout(), &d)
			if p := d.RotationProgress; p != nil && p.LastError != "" {
				return errors.New("the last attempt failed")
			}
			return nil
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print what the server says")
	return c
}

func printRotation(out io.Writer, d *rotating) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	line := func(name string, value any) {
		if s := fmt.Sprint(value); s != "" && s != "-" {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", name, s)
		}
	}
	line("name", d.Name)
	state := "never set up"
	if d.RotationEnabled {
		state = "on"
	} else if d.RotationLambdaARN != "" {
		state = "off"
	}
	line("rotation", state)
	line("function", d.RotationLambdaARN)
	line("schedule", d.RotationRules)
	line("last", d.LastRotatedDate)
	line("next, at the latest", d.NextRotationDate)
	if p := d.RotationProgress; p != nil {
		what := map[string]string{"TestFailed": "tried, and failed", "NotBegun": "could not begin"}[p.State]
		line(cmp.Or(what, "under way"), strings.TrimSuffix(p.Step+", version "+p.VersionId, ", version "))
		line("failed", fmt.Sprintf("%d times, last at %s", p.Attempts, p.LastFailedDate))
		line("why", p.LastError)
		line("next attempt", p.NextAttemptDate)
	}
}

func rotateNowCommand() *cobra.Command {
	var function, schedule, window string
	var days int
	var later bool
	c := &cobra.Command{
		Use:   "now NAME [--function NAME] [--schedule EXPRESSION | --days N]",
		Short: "Rotate a secret, and set how it rotates from now on",
		Example: `  strongroom rotate now prod/myapp/database --function strongroom-postgresql-single-user --schedule "rate(7 days)"
  strongroom rotate now prod/myapp/database`,
		Args: exactly(1, "now needs the name of one secret"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			in := map[string]any{"SecretId": args[0], "ClientRequestToken": newToken(), "RotateImmediately": !later}
			if function != "" {
				in["RotationLambdaARN"] = function
			}
			if r := (rules{days, schedule, window}); r != (rules{}) {
				in["RotationRules"] = r
			}
			var out struct{ VersionId string } //nolint:revive // the wire's spelling
			if err := cl.call(c.Context(), "secretsmanager.RotateSecret", in, &out); err != nil {
				return err
			}
			what := "rotating"
			if later {
				what = "trying the rotation of"
			}
			_, _ = fmt.Fprintf(c.OutOrStdout(), "%s %s to version %s: strongroom rotate status %s shows how it goes\n", what, args[0], out.VersionId, args[0])
			return nil
		}),
	}
	c.Flags().StringVar(&function, "function", "", "what rotates it: the name or ARN of a rotation function")
	c.Flags().StringVar(&schedule, "schedule", "", `when: "rate(7 days)" or "cron(0 4 ? * SUN *)"`)
	c.Flags().IntVar(&days, "days", 0, "or every so many days")
	c.Flags().StringVar(&window, "window", "", "how long after that it may begin: 3h")
	c.Flags().BoolVar(&later, "later", false, "try it now, and rotate at the next time of the schedule")
	return c
}

func rotateRetryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "retry NAME",
		Short: "Try a rotation that failed again at once",
		Args:  exactly(1, "retry needs the name of one secret"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			return cl.call(c.Context(), "strongroom.RetryRotation", map[string]string{"SecretId": args[0]}, nil)
		}),
	}
}

func rotateCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel NAME",
		Short: "Rotate a secret no longer",
		Long: `Rotate a secret no longer. A built-in rotation that may have changed the
password already is brought to its end, so that the current version can log in;
to cancel once more gives that up.`,
		Args: exactly(1, "cancel needs the name of one secret"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			return cl.call(c.Context(), "secretsmanager.CancelRotateSecret", map[string]string{"SecretId": args[0]}, nil)
		}),
	}
}
