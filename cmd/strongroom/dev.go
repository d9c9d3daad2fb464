package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/seal"
	"github.com/strongroom-dev/strongroom/internal/seal/file"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// The development credentials, the same on every machine. server refuses them.
const (
	devAccessKey = "AKIASTRONGROOMDEV000"
	devSecretKey = "strongroom/dev/only/secret/access/key/01"
	devAccount   = "000000000000"
	devRegion    = "us-east-1"
	devToken     = "root"
)

type devOptions struct {
	listen, data, account, accessKey, secretKey, region, token string
	oidcKeys                                                   []string
	quiet                                                      bool
}

func devCommand() *cobra.Command {
	var o devOptions
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run a ready server with known credentials, on this machine only",
		Long: `Run a ready server with known credentials, on this machine only.

Without --data everything is kept in a temporary folder that goes with the
process.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := fromEnvironment(c); err != nil {
				return err
			}
			return o.run(c.Context(), c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8200", "address to serve on; loopback only")
	f.StringVar(&o.data, "data", "", "folder to keep the data in")
	f.StringVar(&o.account, "account", devAccount, "AWS account ID to stand in for")
	f.StringVar(&o.accessKey, "access-key", devAccessKey, "access key ID to accept")
	f.StringVar(&o.secretKey, "secret-key", devSecretKey, "its secret access key")
	f.StringVar(&o.token, "token", devToken, "Vault root token to accept")
	f.StringVar(&o.region, "region", devRegion, "region of the example secret")
	f.StringArrayVar(&o.oidcKeys, "oidc-keys", nil, "ISSUER=FILE: take an issuer's keys from a JSON Web Key Set")
	f.BoolVar(&o.quiet, "quiet", false, "do not log requests")
	return c
}

func (o *devOptions) run(ctx context.Context, out io.Writer) error {
	if !isLoopback(o.listen) {
		return usagef("dev serves on loopback only, not on %q: its credentials are known to everybody. Use strongroom server", o.listen)
	}
	if !validAccount(o.account) {
		return usagef("an account is twelve digits, not %q", o.account)
	}
	dir := folder(o.data)
	if o.data == "" {
		tmp, err := os.MkdirTemp("", "strongroom-dev-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = folder(tmp)
	}
	w := io.Writer(os.Stderr)
	if o.quiet {
		w = io.Discard
	}
	log := newLogger(w)
	defer log.Close()
	if !dir.exists() {
		if err := o.make(dir); err != nil {
			return err
		}
	} else if _, err := os.Stat(dir.development()); err != nil {
		return fmt.Errorf("%s was not made by strongroom dev, which would open it to everybody who knows dev's credentials; nothing was changed. Use strongroom server", dir)
	}
	h, err := dir.open(func(seal.Config) (seal.Seal, error) { return file.Open(dir.sealKey()) }, log)
	if err != nil {
		return err
	}
	if err := errors.Join(h.readIssuers(o.oidcKeys), o.furnish(ctx, h)); err != nil {
		return errors.Join(err, h.close())
	}
	return h.serve(ctx, listening{addr: o.listen}, func(addr net.Addr) { o.welcome(out, addr) })
}

func (o *devOptions) make(dir folder) error {
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return err
	}
	s, err := file.Create(dir.sealKey())
	if err != nil {
		return err
	}
	if err := dir.make(file.Kind, s, 0, 0); err != nil {
		return err
	}
	return os.WriteFile(dir.development(), []byte("Made by strongroom dev. Its credentials are known to everybody.\n"), 0o600)
}

// furnish makes the development credential and the example secret.
func (o *devOptions) furnish(ctx context.Context, h *house) error {
	err := h.directory.CreateCredential(ctx, identity.House(secret.CreateCredential), identity.NewCredential{
		AccessKey: o.accessKey, Secret: plain.New([]byte(o.secretKey)), Account: o.account, User: "dev",
	})
	if err != nil {
		return err
	}
	space := secret.Space{Account: o.account, Region: o.region}
	if err := h.mounts.Settle(ctx, identity.House(secret.WriteSetting), space); err != nil {
		return err
	}
	if err := h.tokens.InstallRoot(ctx, identity.House(secret.CreateToken), o.account, o.token); err != nil {
		return err
	}
	ref := secret.Ref{Space: space, Kind: secret.KindSecret, Name: "prod/myapp/database"}
	who := core.House(secret.DescribeSecret, secret.CreateSecret)
	if _, err := h.core.DescribeSecret(ctx, who, ref); err == nil {
		return nil
	}
	_, err = h.core.CreateSecret(ctx, who, core.CreateSecretInput{
		Space: space, Name: ref.Name, Token: gate.NewID(time.Now()), Description: "An example to read",
		Content: core.Content{Form: secret.Text, Value: plain.New([]byte(
			`{"DB_HOST":"db.internal","DB_PORT":"5432","DB_USER":"myapp","DB_PASSWORD":"correct-horse-battery-staple"}`))},
	})
	return err
}

func (o *devOptions) welcome(out io.Writer, addr net.Addr) {
	fmt.Fprintf(out, `Strongroom is ready, for development only. Anybody on this machine can use it.

Paste this where your program runs:

  export AWS_ENDPOINT_URL=http://%[1]s AWS_REGION=%[2]s AWS_DEFAULT_REGION=%[2]s
  export AWS_ACCESS_KEY_ID=%[3]s AWS_SECRET_ACCESS_KEY=%[4]s
  export VAULT_ADDR=http://%[1]s VAULT_TOKEN=%[5]s

Then, for example:

  aws secretsmanager get-secret-value --secret-id prod/myapp/database
  vault kv get secret/prod/myapp/database
  strongroom get prod/myapp/database

`, addr, o.region, o.accessKey, o.secretKey, o.token)
	if o.data == "" {
		fmt.Fprintln(out, "Nothing is kept when it stops (Ctrl-C); --data DIR keeps it.")
	}
}
