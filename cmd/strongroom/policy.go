package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

func policyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Ask who may do what, and why",
	}
	c.AddCommand(simulateCommand(), whoCanCommand(), suggestCommand(), lintCommand())
	return c
}

// evaluation is one answer of a simulation.
type evaluation struct {
	Action, Resource, Decision string
	Reasons, MissingContext    []string
}

func simulateCommand() *cobra.Command {
	var principal string
	var actions, resources, files, context []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "simulate --principal ARN --action ACTION [--resource NAME-OR-ARN]",
		Short: "Say what would be decided, and by which statements",
		Long: `Say what would be decided if a user or role asked, and by which statements.
A secret's tags and its own policy count. With --policy alone the documents in
the files are asked instead of a principal's; with both, they are added.

The exit status is 7 if anything is refused.`,
		Args: cobra.NoArgs,
		RunE: withClient(func(c *cobra.Command, cl *client, _ []string) error {
			if len(actions) == 0 || principal == "" && len(files) == 0 {
				return usagef("simulate needs --action, and --principal or --policy")
			}
			in := map[string]any{"Actions": actions, "Resources": resources}
			if principal != "" {
				in["Principal"] = principal
			}
			var documents []string
			for _, f := range files {
				text, err := os.ReadFile(f)
				if err != nil {
					return err
				}
				documents = append(documents, string(text))
			}
			in["Policies"] = documents
			var entries []map[string]any
			for _, e := range context {
				k, v, ok := strings.Cut(e, "=")
				if !ok {
					return usagef("--context is KEY=VALUE, not %q", e)
				}
				entries = append(entries, map[string]any{"Key": k, "Values": []string{v}})
			}
			in["Context"] = entries
			var out struct{ Evaluations []evaluation }
			if err := cl.call(c.Context(), "strongroom.SimulatePolicy", in, &out); err != nil {
				return err
			}
			return printEvaluations(c.OutOrStdout(), out.Evaluations, asJSON)
		}),
	}
	f := c.Flags()
	f.StringVar(&principal, "principal", "", "ARN of a user or role")
	f.StringArrayVar(&actions, "action", nil, "action, as secretsmanager:GetSecretValue; may be given again")
	f.StringArrayVar(&resources, "resource", nil, "a secret's name or an ARN; may be given again")
	f.StringArrayVar(&files, "policy", nil, "file with an identity policy; may be given again")
	f.StringArrayVar(&context, "context", nil, "condition key: KEY=VALUE, as aws:SourceIp=10.0.0.1")
	f.BoolVar(&asJSON, "json", false, "print it as JSON")
	return c
}

// refusedError asks for the status of a refusal.
type refusedError struct{ error }

func (refusedError) exitCode() int { return 7 }

func printEvaluations(w io.Writer, all []evaluation, asJSON bool) error {
	refused := 0
	for _, e := range all {
		if e.Decision != "allowed" {
			refused++
		}
	}
	var err error
	if asJSON {
		err = printJSON(w, all)
	} else {
		for _, e := range all {
			fmt.Fprintf(w, "%s: %s on %s\n", e.Decision, e.Action, e.Resource)
			printReasons(w, e.Reasons, e.MissingContext)
		}
	}
	if err == nil && refused > 0 {
		err = refusedError{fmt.Errorf("%d of %d are refused", refused, len(all))}
	}
	return err
}

func printReasons(w io.Writer, reasons, missing []string) {
	for _, r := range reasons {
		fmt.Fprintf(w, "  %s\n", r)
	}
	if len(missing) > 0 {
		fmt.Fprintf(w, "  (conditions asked for %s, which no request brought)\n", strings.Join(missing, ", "))
	}
}

func whoCanCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "who-can ACTION RESOURCE",
		Short: "List the users and roles that may do something, and why",
		Args:  exactly(2, "who-can needs an action, as secretsmanager:GetSecretValue, and a secret's name or an ARN"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			var out struct {
				Principals []struct {
					Arn                     string
					Reasons, MissingContext []string
				}
			}
			if err := cl.call(c.Context(), "strongroom.WhoCan", map[string]string{"Action": args[0], "Resource": args[1]}, &out); err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), out.Principals)
			}
			for _, p := range out.Principals {
				fmt.Fprintln(c.OutOrStdout(), p.Arn)
				printReasons(c.OutOrStdout(), p.Reasons, p.MissingContext)
			}
			if len(out.Principals) == 0 {
				fmt.Fprintln(c.ErrOrStderr(), "nobody")
			}
			return nil
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return c
}

func suggestCommand() *cobra.Command {
	var since string
	c := &cobra.Command{
		Use:   "suggest PRINCIPAL-ARN",
		Short: "Write the least policy that covers what somebody really did",
		Long: `Write the least policy that covers what a user or role did, by the audit log,
and say which of its statements decided nothing in that time.`,
		Args: exactly(1, "suggest needs the ARN of a user or role"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			ago, err := parsePeriod(since)
			if err != nil {
				return err
			}
			var out struct {
				Document     string
				Records      int
				Used, Unused []string
			}
			in := map[string]any{"Principal": args[0], "Since": time.Now().Add(-ago).Unix()}
			if err := cl.call(c.Context(), "strongroom.SuggestPolicy", in, &out); err != nil {
				return err
			}
			if out.Document == "" {
				fmt.Fprintf(c.ErrOrStderr(), "%s did nothing in %s that needs a policy\n", args[0], since)
			} else {
				fmt.Fprintln(c.OutOrStdout(), out.Document)
			}
			for _, s := range out.Unused {
				fmt.Fprintf(c.ErrOrStderr(), "not used: %s\n", s)
			}
			return nil
		}),
	}
	c.Flags().StringVar(&since, "since", "30d", "how far to look back: 30d, 12h")
	return c
}

// parsePeriod reads "30d" or what time.ParseDuration knows.
func parsePeriod(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, usagef("a period is as 30d or 12h, not %q", s)
	}
	return d, nil
}

func lintCommand() *cobra.Command {
	var kind string
	c := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Look for what is hardly meant in policy documents",
		Long: `Look for what is hardly meant in policy documents: statements that reach every
secret, conditions that can never hold, statements that another makes useless,
actions that there are not. No server is asked. The exit status is 1 if there
is anything to say.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("lint needs files")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			kinds := map[string]iam.Kind{"identity": iam.IdentityPolicy, "resource": iam.ResourcePolicy, "trust": iam.TrustPolicy}
			k, ok := kinds[kind]
			if !ok {
				return usagef("--kind is identity, resource or trust, not %q", kind)
			}
			findings := 0
			for _, file := range args {
				n, err := lint(c.OutOrStdout(), file, k)
				if err != nil {
					return err
				}
				findings += n
			}
			if findings > 0 {
				return fmt.Errorf("%d findings", findings)
			}
			return nil
		},
	}
	c.Flags().StringVar(&kind, "kind", "identity", "what the documents are attached to: identity, resource or trust")
	return c
}

func lint(w io.Writer, file string, k iam.Kind) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	doc, err := iam.Parse(text, k)
	if bad, ok := errors.AsType[*iam.Error](err); ok {
		fmt.Fprintf(w, "%s:%d:%d: %s %s (malformed)\n", file, max(bad.Line, 1), max(bad.Column, 1), bad.Message, bad.Detail)
		return 1, nil
	}
	var actions []string
	for _, v := range secret.Verbs() {
		actions = append(actions, arn.Action(v))
	}
	found := doc.Lint(text, actions)
	for _, f := range found {
		fmt.Fprintf(w, "%s:%d:%d: %s (%s)\n", file, f.Line, f.Column, f.Message, f.Rule)
	}
	return len(found), nil
}
