package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fromEnvironment fills flags that were not given from STRONGROOM_ variables:
// --tls-cert from STRONGROOM_TLS_CERT.
func fromEnvironment(c *cobra.Command) error {
	var err error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		name := "STRONGROOM_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || f.Changed || err != nil {
			return
		}
		if e := c.Flags().Set(f.Name, value); e != nil {
			err = usagef("%s: %w", name, e)
		}
	})
	return err
}
