package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func webhookCommand() *cobra.Command {
	c := &cobra.Command{Use: "webhook", Short: "Have URLs told of what changes about secrets"}
	c.AddCommand(webhookAddCommand(), webhookListCommand(), webhookRemoveCommand())
	return c
}

func webhookAddCommand() *cobra.Command {
	var address, prefix string
	c := &cobra.Command{
		Use:   "add NAME --url URL [--prefix PREFIX]",
		Short: "Have a URL told of events",
		Long: `Have a URL told of every other current version, label that moved, policy that
changed and deletion, as Standard Webhooks says, again until it answers with a
status of 200 to 299. It is told what you may describe, and no values.

The key that the messages are signed with is printed, only now.`,
		Args: exactly(1, "add needs a name for the webhook"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			if address == "" {
				return usagef("add needs --url")
			}
			var out struct{ SigningKey string }
			if err := cl.call(c.Context(), "strongroom.RegisterWebhook", map[string]string{"WebhookName": args[0], "URL": address, "Prefix": prefix}, &out); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "WEBHOOK_SECRET=%s\n", out.SigningKey)
			return err
		}),
	}
	c.Flags().StringVar(&address, "url", "", "where it is told")
	c.Flags().StringVar(&prefix, "prefix", "", "only of secrets whose names begin so")
	return c
}

func webhookListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the webhooks, and which of them fail",
		Args:  cobra.NoArgs,
		RunE: withClient(func(c *cobra.Command, cl *client, _ []string) error {
			var out struct {
				Webhooks []struct {
					WebhookName, URL, Prefix, Owner, LastError string
					Attempts, Told                             int64
					CreatedDate, NextAttemptDate               epoch
				}
			}
			if err := cl.call(c.Context(), "strongroom.ListWebhooks", struct{}{}, &out); err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), out.Webhooks)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, h := range out.Webhooks {
				state := "ok"
				if h.Attempts > 0 {
					state = fmt.Sprintf("failed %d times: %s", h.Attempts, h.LastError)
				}
				_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", h.WebhookName, h.URL, state)
			}
			return w.Flush()
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func webhookRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Have a URL told no more",
		Args:  exactly(1, "rm needs the name of one webhook"),
		RunE: withClient(func(c *cobra.Command, cl *client, args []string) error {
			return cl.call(c.Context(), "strongroom.DeleteWebhook", map[string]string{"WebhookName": args[0]}, nil)
		}),
	}
}
