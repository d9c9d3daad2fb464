package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/seal"
	"github.com/strongroom-dev/strongroom/internal/seal/file"
	"github.com/strongroom-dev/strongroom/internal/seal/shamir"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/token"
)

type initOptions struct {
	data, seal, sealKey, account, region string
	shares, threshold                    int
}

func initCommand() *cobra.Command {
	var o initOptions
	c := &cobra.Command{
		Use:   "init --data DIR",
		Short: "Make a data folder, its seal and the first administrator",
		Long: `Make a data folder, its seal and the first administrator, whose credentials are
printed once and kept nowhere in the clear.

The file seal keeps its key in a file, by default in the data folder itself:
move it to another disk, or name another place with --seal-key, so that who
gets the data does not get the key. The shamir seal has no key at rest: it
splits it into shares, of which the threshold must be given at every start.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := fromEnvironment(c); err != nil {
				return err
			}
			return o.run(c.Context(), c.OutOrStdout(), c.Flags().Changed("shares") || c.Flags().Changed("threshold"))
		},
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "folder to make")
	f.StringVar(&o.seal, "seal", file.Kind, "what protects the root key: file or shamir")
	f.StringVar(&o.sealKey, "seal-key", "", "file seal: where to keep the key (default DIR/seal.key)")
	f.IntVar(&o.shares, "shares", 5, "shamir seal: how many shares to make")
	f.IntVar(&o.threshold, "threshold", 3, "shamir seal: how many of them open the store")
	f.StringVar(&o.account, "account", "", "AWS account ID of the administrator (default: twelve random digits)")
	f.StringVar(&o.region, "region", defaultRegion, "region of the secrets that Vault's secret/ shows")
	return c
}

func (o *initOptions) run(ctx context.Context, out io.Writer, sharing bool) error {
	dir := folder(o.data)
	switch {
	case o.data == "":
		return usagef("init needs --data DIR")
	case o.seal == shamir.Kind && o.sealKey != "":
		return usagef("--seal-key is of the file seal, not of --seal shamir")
	case o.seal != shamir.Kind && sharing:
		return usagef("--shares and --threshold need --seal shamir")
	case dir.exists():
		return fmt.Errorf("%s is a data folder already; nothing was changed", dir)
	case o.account != "" && !validAccount(o.account):
		return usagef("an account is twelve digits, not %q", o.account)
	case o.account == "":
		o.account = randomDigits(12)
	}
	made := missing(string(dir), dir.seal(), dir.store(), dir.audit(), o.keyPath(dir))
	new, err := o.make(ctx, dir)
	if err != nil {
		for _, path := range made { // half a data folder is none
			_ = os.RemoveAll(path)
		}
		return err
	}
	defer new.wipe()
	o.report(out, dir, new)
	return nil
}

// newHouse is what the maker of a house gets, once.
type newHouse struct {
	shares    []plain.Value
	accessKey string
	secretKey plain.Value
	root      string // token
}

func (n *newHouse) wipe() {
	n.secretKey.Wipe()
	for _, s := range n.shares {
		s.Wipe()
	}
}

// missing is those of the paths at which there is nothing.
func missing(paths ...string) (none []string) {
	for _, p := range paths {
		if _, err := os.Lstat(p); errors.Is(err, fs.ErrNotExist) {
			none = append(none, p)
		}
	}
	return none
}

// make makes the folder and who may use it.
func (o *initOptions) make(ctx context.Context, dir folder) (*newHouse, error) {
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return nil, err
	}
	s, shares, err := o.makeSeal(dir)
	if err != nil {
		return nil, err
	}
	if err := dir.make(o.seal, s, len(shares), o.threshold); err != nil {
		return nil, err
	}
	log := newLogger(os.Stderr)
	defer log.Close()
	h, err := dir.open(func(seal.Config) (seal.Seal, error) { return s, nil }, log)
	if err != nil {
		return nil, err
	}
	id, key := identity.NewAccessKeyID("AKIA"), identity.NewSecretKey()
	err = h.directory.CreateCredential(ctx, identity.House(secret.CreateCredential), identity.NewCredential{
		AccessKey: id, Secret: key, Account: o.account, User: "admin",
	})
	if err == nil {
		err = h.mounts.Settle(ctx, identity.House(secret.WriteSetting), secret.Space{Account: o.account, Region: o.region})
	}
	root := token.NewID()
	if err == nil {
		err = h.tokens.InstallRoot(ctx, identity.House(secret.CreateToken), o.account, root)
	}
	if err != nil {
		_ = h.close()
		return nil, err
	}
	return &newHouse{shares, id, key, root}, h.close()
}

// keyPath is where the file seal keeps its key.
func (o *initOptions) keyPath(dir folder) string {
	if o.sealKey == "" {
		return dir.sealKey()
	}
	return o.sealKey
}

func (o *initOptions) makeSeal(dir folder) (seal.Seal, []plain.Value, error) {
	switch o.seal {
	case file.Kind:
		if err := os.MkdirAll(filepath.Dir(o.keyPath(dir)), 0o700); err != nil {
			return nil, nil, err
		}
		s, err := file.Create(o.keyPath(dir))
		return s, nil, err
	case shamir.Kind:
		s, shares, err := shamir.Create(o.shares, o.threshold)
		return s, shares, err
	}
	return nil, nil, usagef("there is no seal %q: file and shamir are", o.seal)
}

func (o *initOptions) report(out io.Writer, dir folder, made *newHouse) {
	verifier, _ := os.ReadFile(dir.auditKey())
	fmt.Fprintf(out, "Made %s. What follows is shown this once.\n\n", dir)
	if len(made.shares) > 0 {
		fmt.Fprintf(out, "Shares of the seal, %d of which open the store. Give each to another keeper:\n\n", o.threshold)
		for i, s := range made.shares {
			fmt.Fprintf(out, "  %d: %s\n", i+1, s.Open())
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "The administrator, of account %s:\n\n  AWS_ACCESS_KEY_ID=%s\n  AWS_SECRET_ACCESS_KEY=%s\n\n", o.account, made.accessKey, made.secretKey.Open())
	fmt.Fprintf(out, "The root token of Vault's protocol, which never ends; make others with it, and revoke it (vault token revoke -self):\n\n  VAULT_TOKEN=%s\n\n", made.root)
	fmt.Fprintf(out, "The key that checks the audit log; keep a copy elsewhere (strongroom audit verify --key):\n\n  %s\n\n", strings.TrimSpace(string(verifier)))
	keyFlag := ""
	if o.sealKey != "" {
		keyFlag = " --seal-key " + o.sealKey
	}
	fmt.Fprintf(out, "Serve it with: strongroom server --data %s%s\n", dir, keyFlag)
	if o.seal == file.Kind && o.sealKey == "" {
		fmt.Fprintf(out, "The seal's key is in %s. Who gets the folder gets the key: keep it elsewhere (--seal-key).\n", dir.sealKey())
	}
}

func randomDigits(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = '0' + b[i]%10
	}
	return string(b)
}

func validAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}
