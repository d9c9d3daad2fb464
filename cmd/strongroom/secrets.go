package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// epoch is a time as AWS writes it.
type epoch time.Time

func (e *epoch) UnmarshalJSON(b []byte) error {
	var s float64
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	whole, part := math.Modf(s)
	*e = epoch(time.Unix(int64(whole), int64(part*1e9)).UTC())
	return nil
}

func (e epoch) String() string {
	if t := time.Time(e); !t.IsZero() {
		return t.Format("2006-01-02 15:04:05Z")
	}
	return "-"
}

// described is what a server says of a secret.
type described struct {
	ARN                string
	Name               string
	Description        string
	CreatedDate        epoch
	LastChangedDate    epoch
	DeletedDate        epoch
	VersionIdsToStages map[string][]string //nolint:revive // the wire's spelling
}

// versionOf finds the version that has the label.
func (d *described) versionOf(label string) string {
	for id, labels := range d.VersionIdsToStages {
		if slices.Contains(labels, label) {
			return id
		}
	}
	return ""
}

type secretVersion struct {
	VersionId        string //nolint:revive // the wire's spelling
	VersionStages    []string
	CreatedDate      epoch
	LastAccessedDate epoch
}

func getCommand() *cobra.Command {
	var id, label, key string
	var asJSON bool
	c := &cobra.Command{
		Use:   "get NAME",
		Short: "Print a secret's value",
		Args:  exactly(1, "get needs the name of one secret"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			in := map[string]string{"SecretId": args[0]}
			if id != "" {
				in["VersionId"] = id
			}
			if label != "" {
				in["VersionStage"] = label
			}
			var raw json.RawMessage
			if err := cl.call(c.Context(), "secretsmanager.GetSecretValue", in, &raw); err != nil {
				return err
			}
			defer clear(raw)
			if asJSON {
				return printJSON(c.OutOrStdout(), raw)
			}
			return printValue(c.OutOrStdout(), raw, key)
		}),
	}
	c.Flags().StringVar(&id, "version", "", "the version of this ID")
	c.Flags().StringVar(&label, "label", "", "the version with this label (default AWSCURRENT)")
	c.Flags().StringVar(&key, "key", "", "only this member of a JSON value")
	c.Flags().BoolVar(&asJSON, "json", false, "print the whole answer as JSON")
	return c
}

// printValue prints the value alone; on a terminal with a line end.
func printValue(w io.Writer, raw []byte, key string) error {
	var out struct {
		SecretString *string
		SecretBinary []byte
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return err
	}
	value := out.SecretBinary
	if out.SecretString != nil {
		value = []byte(*out.SecretString)
	}
	if key != "" {
		var members map[string]json.RawMessage
		if json.Unmarshal(value, &members) != nil {
			return fmt.Errorf("the value is not a JSON object: it has no member %q", key)
		}
		member, ok := members[key]
		if !ok {
			return fmt.Errorf("the value has no member %q", key)
		}
		value = member
		var s string
		if json.Unmarshal(member, &s) == nil {
			value = []byte(s)
		}
	}
	if isTerminal(w) && !strings.HasSuffix(string(value), "\n") {
		value = append(value, '\n')
	}
	_, err := w.Write(value)
	return err
}

func putCommand() *cobra.Command {
	var file, description string
	var labels, tags []string
	var binary, asJSON bool
	c := &cobra.Command{
		Use:   "put NAME",
		Short: "Write a new version of a secret, making the secret if it is not there",
		Long: `Write a new version of a secret, making the secret if it is not there.

The value is read from --file, from standard input if that is not a terminal,
or else from a prompt that does not show it. A value on the command line is
taken too, but other users of the machine can see it there. From standard
input one newline at the end is dropped, for echo adds it; --file - and
--binary keep every byte. --description and --tag are for a new secret.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("put needs the name of one secret")
			}
			return nil
		},
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			for _, t := range tags {
				if !strings.Contains(t, "=") {
					return usagef("--tag is KEY=VALUE, not %q", t)
				}
			}
			value, err := readValue(c, args, file, binary)
			if err != nil {
				return err
			}
			defer clear(value)
			in := map[string]any{"ClientRequestToken": newToken()}
			if binary {
				in["SecretBinary"] = value
			} else {
				if !utf8.Valid(value) {
					return usagef("the value is not text in UTF-8: give --binary")
				}
				in["SecretString"] = string(value)
			}
			return put(c, cl, args[0], in, description, labels, tags, asJSON)
		}),
	}
	f := c.Flags()
	f.StringVar(&file, "file", "", "read the value from this file (- for standard input)")
	f.StringVar(&description, "description", "", "describe a new secret")
	f.StringSliceVar(&labels, "label", nil, "put these labels on the version (default AWSCURRENT)")
	f.StringArrayVar(&tags, "tag", nil, "tag a new secret: KEY=VALUE")
	f.BoolVar(&binary, "binary", false, "the value is bytes, not text")
	f.BoolVar(&asJSON, "json", false, "print the whole answer as JSON")
	return c
}

// put writes a version, and makes the secret if there is none.
func put(c *cobra.Command, cl *client, name string, in map[string]any, description string, labels, tags []string, asJSON bool) error {
	in["SecretId"] = name
	if labels != nil {
		in["VersionStages"] = labels
	}
	var raw json.RawMessage
	err := cl.call(c.Context(), "secretsmanager.PutSecretValue", in, &raw)
	if isKind(err, "ResourceNotFoundException") && !strings.HasPrefix(name, "arn:") {
		delete(in, "SecretId")
		delete(in, "VersionStages")
		in["Name"] = name
		if description != "" {
			in["Description"] = description
		}
		if len(tags) > 0 {
			in["Tags"] = tagList(tags)
		}
		err = cl.call(c.Context(), "secretsmanager.CreateSecret", in, &raw)
	} else if err == nil && (description != "" || len(tags) > 0) {
		fmt.Fprintf(c.ErrOrStderr(), "warning: %s was there already: its description and tags stay as they were\n", name)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), raw)
	}
	var out struct{ Name, VersionId string }
	if err := json.Unmarshal(raw, &out); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: version %s\n", out.Name, out.VersionId)
	return nil
}

func tagList(tags []string) []map[string]string {
	var out []map[string]string
	for _, t := range tags {
		k, v, _ := strings.Cut(t, "=")
		out = append(out, map[string]string{"Key": k, "Value": v})
	}
	return out
}

// readValue finds the value to write.
func readValue(c *cobra.Command, args []string, file string, binary bool) ([]byte, error) {
	stdin, ok := c.InOrStdin().(*os.File)
	if len(args) == 2 && args[1] == "-" { // as so many tools have it
		args, ok = args[:1], false
	}
	switch {
	case len(args) == 2 && file != "":
		return nil, usagef("the value is given twice: on the command line and by --file")
	case len(args) == 2:
		fmt.Fprintln(c.ErrOrStderr(), "warning: a value on the command line can be seen by others and stays in the shell's history; use --file or standard input")
		return []byte(args[1]), nil
	case file != "" && file != "-":
		return os.ReadFile(file)
	case file == "-" || !ok || !term.IsTerminal(int(stdin.Fd())):
		b, err := io.ReadAll(io.LimitReader(c.InOrStdin(), 1<<20))
		if err == nil && len(b) == 0 {
			err = usagef("there is no value on standard input")
		}
		if file == "" && !binary {
			b = bytes.TrimSuffix(b, []byte("\n")) // echo adds it; --file - keeps it
		}
		return b, err
	}
	fmt.Fprint(c.ErrOrStderr(), "Value (not shown): ")
	b, err := term.ReadPassword(int(stdin.Fd()))
	fmt.Fprintln(c.ErrOrStderr())
	return b, err
}

func lsCommand() *cobra.Command {
	var deleted, asJSON bool
	c := &cobra.Command{
		Use:   "ls [PREFIX]",
		Short: "List secrets by name",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("ls takes one prefix")
			}
			return nil
		},
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			in := map[string]any{"SortBy": "name", "IncludePlannedDeletion": deleted}
			if len(args) == 1 {
				in["Filters"] = []map[string]any{{"Key": "name", "Values": args}}
			}
			all := []described{}
			var raws []json.RawMessage
			for {
				var page struct {
					SecretList []json.RawMessage
					NextToken  string
				}
				if err := cl.call(c.Context(), "secretsmanager.ListSecrets", in, &page); err != nil {
					return err
				}
				for _, raw := range page.SecretList {
					var d described
					if err := json.Unmarshal(raw, &d); err != nil {
						return err
					}
					all, raws = append(all, d), append(raws, raw)
				}
				if page.NextToken == "" {
					break
				}
				in["NextToken"] = page.NextToken
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), raws)
			}
			return printTable(c.OutOrStdout(), "NAME\tCHANGED\tDESCRIPTION", all, func(d described) string {
				note := d.Description
				if !time.Time(d.DeletedDate).IsZero() {
					note = "(deleted " + d.DeletedDate.String() + ") " + note
				}
				return d.Name + "\t" + d.LastChangedDate.String() + "\t" + note
			})
		}),
	}
	c.Flags().BoolVar(&deleted, "deleted", false, "also secrets that are marked for deletion")
	c.Flags().BoolVar(&asJSON, "json", false, "print the whole answer as JSON")
	return c
}

func rmCommand() *cobra.Command {
	var days int
	var force, undo, asJSON bool
	c := &cobra.Command{
		Use:   "rm NAME",
		Short: "Delete a secret, after a time in which --undo restores it",
		Args:  exactly(1, "rm needs the name of one secret"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			in := map[string]any{"SecretId": args[0]}
			switch {
			case force && undo:
				return usagef("--force and --undo exclude each other")
			case force && c.Flags().Changed("window"):
				return usagef("--force deletes at once: there is no --window")
			}
			if undo {
				if err := cl.call(c.Context(), "secretsmanager.RestoreSecret", in, nil); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s: restored\n", args[0])
				return nil
			}
			if force {
				in["ForceDeleteWithoutRecovery"] = true
			} else {
				in["RecoveryWindowInDays"] = days
			}
			var raw json.RawMessage
			if err := cl.call(c.Context(), "secretsmanager.DeleteSecret", in, &raw); err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), raw)
			}
			var out struct {
				Name         string
				DeletionDate epoch
			}
			if err := json.Unmarshal(raw, &out); err != nil {
				return err
			}
			if force {
				fmt.Fprintf(c.OutOrStdout(), "%s: gone\n", out.Name)
			} else {
				fmt.Fprintf(c.OutOrStdout(), "%s: will be gone on %s; strongroom rm --undo %s restores it\n", out.Name, out.DeletionDate, out.Name)
			}
			return nil
		}),
	}
	c.Flags().IntVar(&days, "window", 30, "days in which it can be restored, 7 to 30")
	c.Flags().BoolVar(&force, "force", false, "delete it at once and for good")
	c.Flags().BoolVar(&undo, "undo", false, "restore a secret that was deleted")
	c.Flags().BoolVar(&asJSON, "json", false, "print the whole answer as JSON")
	return c
}

func historyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "history NAME",
		Short: "List a secret's versions, the newest first",
		Args:  exactly(1, "history needs the name of one secret"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			all, err := versions(c, cl, args[0])
			if err != nil {
				return err
			}
			slices.Reverse(all)
			if asJSON {
				shown := []map[string]any{}
				for _, v := range all {
					shown = append(shown, map[string]any{"VersionId": v.VersionId, "VersionStages": v.VersionStages, "CreatedDate": v.CreatedDate.String()})
				}
				return printJSON(c.OutOrStdout(), shown)
			}
			return printTable(c.OutOrStdout(), "VERSION\tCREATED\tLAST READ\tLABELS", all, func(v secretVersion) string {
				read := "-"
				if t := time.Time(v.LastAccessedDate); !t.IsZero() {
					read = t.Format(time.DateOnly)
				}
				return v.VersionId + "\t" + v.CreatedDate.String() + "\t" + read + "\t" + strings.Join(v.VersionStages, " ")
			})
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return c
}

// versions lists all versions, the oldest first.
func versions(c *cobra.Command, cl *client, name string) ([]secretVersion, error) {
	in := map[string]any{"SecretId": name, "IncludeDeprecated": true}
	var all []secretVersion
	for {
		var page struct {
			Versions  []secretVersion
			NextToken string
		}
		if err := cl.call(c.Context(), "secretsmanager.ListSecretVersionIds", in, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Versions...)
		if page.NextToken == "" {
			return all, nil
		}
		in["NextToken"] = page.NextToken
	}
}

func rollbackCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Make the previous version current again, or the one of --to",
		Args:  exactly(1, "rollback needs the name of one secret"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			return moveLabel(c, cl, args[0], "AWSCURRENT", to, "AWSPREVIOUS")
		}),
	}
	c.Flags().StringVar(&to, "to", "", "the version to go back to: its ID, or how it begins")
	return c
}

func labelCommand() *cobra.Command {
	var to string
	var remove bool
	c := &cobra.Command{
		Use:   "label NAME LABEL",
		Short: "Move a label to another version of a secret",
		Args:  exactly(2, "label needs the name of one secret and one label"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			if remove == (to != "") {
				return usagef("label needs either --to VERSION or --remove")
			}
			return moveLabel(c, cl, args[0], args[1], to, "")
		}),
	}
	c.Flags().StringVar(&to, "to", "", "the version to put it on: its ID, or how it begins")
	c.Flags().BoolVar(&remove, "remove", false, "take the label off")
	return c
}

// moveLabel moves a label to the version that is named, or to the one that has
// another label, or, with neither, takes it off.
func moveLabel(c *cobra.Command, cl *client, name, label, to, toLabel string) error {
	var d described
	if err := cl.call(c.Context(), "secretsmanager.DescribeSecret", map[string]string{"SecretId": name}, &d); err != nil {
		return err
	}
	in := map[string]string{"SecretId": name, "VersionStage": label}
	switch {
	case to != "":
		id, err := complete(c, cl, name, to)
		if err != nil {
			return err
		}
		in["MoveToVersionId"] = id
	case toLabel != "":
		id := d.versionOf(toLabel)
		if id == "" {
			return fmt.Errorf("%s has no version labelled %s: name one with --to (strongroom history %s)", name, toLabel, name)
		}
		in["MoveToVersionId"] = id
	}
	if from := d.versionOf(label); from != "" {
		in["RemoveFromVersionId"] = from
	}
	if err := cl.call(c.Context(), "secretsmanager.UpdateSecretVersionStage", in, nil); err != nil {
		return err
	}
	if in["MoveToVersionId"] == "" {
		fmt.Fprintf(c.OutOrStdout(), "%s: %s is on no version\n", name, label)
	} else {
		fmt.Fprintf(c.OutOrStdout(), "%s: %s is on version %s\n", name, label, in["MoveToVersionId"])
	}
	return nil
}

// complete finds the one version whose ID begins so.
func complete(c *cobra.Command, cl *client, name, begin string) (string, error) {
	all, err := versions(c, cl, name)
	if err != nil {
		return "", err
	}
	var found []string
	for _, v := range all {
		if strings.HasPrefix(v.VersionId, begin) {
			found = append(found, v.VersionId)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("%s has no version whose ID begins with %q", name, begin)
	}
	return "", fmt.Errorf("%d versions of %s begin with %q: write more of the ID", len(found), name, begin)
}

func withClient(run func(*cobra.Command, *client, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		cl, err := newClient()
		if err != nil {
			return err
		}
		return run(c, cl, args)
	}
}

func exactly(n int, problem string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%s", problem)
		}
		return nil
	}
}

func printJSON(w io.Writer, x any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(x)
}

func printTable[T any](w io.Writer, head string, rows []T, line func(T) string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, head)
	for _, r := range rows {
		fmt.Fprintln(t, line(r))
	}
	return t.Flush()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
