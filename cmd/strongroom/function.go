package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func functionCommand() *cobra.Command {
	c := &cobra.Command{Use: "function", Short: "Register rotation functions of your own"}
	c.AddCommand(registerCommand(), functionListCommand(), functionRemoveCommand())
	return c
}

func registerCommand() *cobra.Command {
	var address string
	var webhook bool
	c := &cobra.Command{
		Use:   "register NAME --url URL [--webhook]",
		Short: "Register a rotation function",
		Long: `Register a rotation function that is called over HTTP, exactly as AWS invokes
a Lambda function: POST URL/2015-03-31/functions/NAME/invocations with the event
of a rotation. A URL that has that path already is used as it is.

It prints what the function needs in its environment to call back: an access
key of a user of its own, who may do to the secrets that this function rotates
what a rotation does, and to no others. It is shown only now.

With --webhook the URL gets the event signed as Standard Webhooks says, and the
signing key is printed in place of that.`,
		Example: `  strongroom function register my-rotator --url http://127.0.0.1:8080/2015-03-31/functions/function/invocations`,
		Args:    exactly(1, "register needs the name of the function"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			if address == "" {
				return usagef("register needs --url")
			}
			in := map[string]any{"FunctionName": args[0], "URL": address}
			if webhook {
				in["Kind"] = "webhook"
			}
			var out struct{ FunctionArn, SigningKey, AccessKeyId, SecretAccessKey string } //nolint:revive // the wire's spelling
			if err := cl.call(c.Context(), "strongroom.RegisterFunction", in, &out); err != nil {
				return err
			}
			w := c.OutOrStdout()
			_, _ = fmt.Fprintf(w, "# %s is registered.\n", out.FunctionArn)
			if webhook {
				_, _ = fmt.Fprintf(w, "WEBHOOK_SECRET=%s\n", out.SigningKey)
				return nil
			}
			_, _ = fmt.Fprintf(w, "SECRETS_MANAGER_ENDPOINT=%s\nAWS_ENDPOINT_URL=%[1]s\nAWS_REGION=%s\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n",
				strings.TrimSuffix(cl.endpoint.String(), "/"), cl.region, out.AccessKeyId, out.SecretAccessKey)
			return nil
		}),
	}
	c.Flags().StringVar(&address, "url", "", "where the function is")
	c.Flags().BoolVar(&webhook, "webhook", false, "send a signed webhook")
	return c
}

func functionListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the rotation functions that are registered",
		Args:  cobra.NoArgs,
		RunE: withClient(func(c *cobra.Command, cl *client, _ []string) error {
			var out struct {
				Functions []struct {
					FunctionName, FunctionArn, Kind, URL string
					CreatedDate                          epoch
				}
			}
			if err := cl.call(c.Context(), "strongroom.ListFunctions", struct{}{}, &out); err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), out.Functions)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, f := range out.Functions {
				_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", f.FunctionName, f.Kind, f.URL)
			}
			return w.Flush()
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func functionRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Forget a rotation function",
		Args:  exactly(1, "rm needs the name of one function"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			return cl.call(c.Context(), "strongroom.DeleteFunction", map[string]string{"FunctionName": args[0]}, nil)
		}),
	}
}
