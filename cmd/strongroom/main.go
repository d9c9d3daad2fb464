// Command strongroom is the whole of Strongroom: the server, the development
// server, and the command line for both.
//
// This package only wires: one file a command, and wire.go, which is the one
// place that knows every driver and door by name.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version = "0.1.0-dev"

func main() { os.Exit(run()) }

func run() int {
	if err := harden(); err != nil {
		fmt.Fprintln(os.Stderr, "strongroom: warning:", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if strings.HasPrefix(err.Error(), "unknown command") { // cobra has no type for it
		err = usageError{err}
	}
	fmt.Fprintln(os.Stderr, "strongroom:", err)
	if e, ok := errors.AsType[exitCoder](err); ok {
		return e.exitCode()
	}
	return 1
}

// exitCoder is an error that asks for a status other than 1.
type exitCoder interface {
	error
	exitCode() int
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func (usageError) exitCode() int { return 2 }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "strongroom",
		Short:         "A self-hosted secrets manager that AWS Secrets Manager clients use unmodified",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddGroup(
		&cobra.Group{ID: "serve", Title: "Serving:"},
		&cobra.Group{ID: "secrets", Title: "Secrets:"},
		&cobra.Group{ID: "operate", Title: "Operating:"},
	)
	for group, commands := range map[string][]*cobra.Command{
		"serve":   {devCommand(), initCommand(), serverCommand()},
		"secrets": {getCommand(), putCommand(), lsCommand(), rmCommand(), historyCommand(), rollbackCommand(), labelCommand(), watchCommand(), webhookCommand(), rotateCommand(), functionCommand()},
		"operate": {policyCommand(), auditCommand(), operatorCommand()},
	} {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	return root
}
