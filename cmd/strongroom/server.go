package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/seal"
	"github.com/strongroom-dev/strongroom/internal/seal/file"
	"github.com/strongroom-dev/strongroom/internal/seal/shamir"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// serverOptions are the flags, and, by the same names, the config file.
type serverOptions struct {
	config string

	Data          string `json:"data"`
	Listen        string `json:"listen"`
	TLSCert       string `json:"tls-cert"`
	TLSKey        string `json:"tls-key"`
	SealKey       string `json:"seal-key"`
	AllowInsecure bool   `json:"allow-insecure"`
	AwaitInit     bool   `json:"await-init"`

	OIDCKeys []string `json:"oidc-keys"`
}

func serverCommand() *cobra.Command {
	var o serverOptions
	c := &cobra.Command{
		Use:   "server --data DIR",
		Short: "Serve a data folder",
		Long: `Serve a data folder that strongroom init made.

A folder under the shamir seal asks for its shares at the start: on the
terminal, or one a line from standard input. Where none come there, it serves
sealed, and takes them over HTTP (vault operator unseal). With --await-init it
serves a folder that is not there yet, until somebody makes it over HTTP (vault
operator init): whoever comes first. SIGHUP loads the certificate
anew; SIGTERM lets requests finish and flushes the log.

--config names a JSON file whose members are the flags' names.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := fromEnvironment(c); err != nil {
				return err
			}
			if err := o.readConfig(c); err != nil {
				return err
			}
			return o.run(c.Context(), c.InOrStdin(), c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "JSON file of settings; flags win over it")
	f.StringVar(&o.Data, "data", "", "the data folder")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8200", "address to serve on")
	f.StringVar(&o.TLSCert, "tls-cert", "", "TLS certificate (PEM)")
	f.StringVar(&o.TLSKey, "tls-key", "", "its private key (PEM)")
	f.StringVar(&o.SealKey, "seal-key", "", "file seal: the key's file (default DIR/seal.key)")
	f.StringArrayVar(&o.OIDCKeys, "oidc-keys", nil, "ISSUER=FILE: take an issuer's keys from a JSON Web Key Set, where it cannot be reached; may be given again")
	f.BoolVar(&o.AwaitInit, "await-init", false, "serve a folder that is not there, for who makes it over HTTP")
	f.BoolVar(&o.AllowInsecure, "allow-insecure", false, "serve without TLS to other machines, behind a proxy that has it")
	return c
}

// readConfig reads the config file; a flag that was given stays.
func (o *serverOptions) readConfig(c *cobra.Command) error {
	if o.config == "" {
		return nil
	}
	f, err := os.Open(o.config)
	if err != nil {
		return err
	}
	defer f.Close()
	given := *o
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(o); err != nil {
		return fmt.Errorf("%s: %w", o.config, err)
	}
	for name, field := range map[string]struct{ to, from *string }{
		"data": {&o.Data, &given.Data}, "listen": {&o.Listen, &given.Listen}, "tls-cert": {&o.TLSCert, &given.TLSCert},
		"tls-key": {&o.TLSKey, &given.TLSKey}, "seal-key": {&o.SealKey, &given.SealKey},
	} {
		if c.Flags().Changed(name) {
			*field.to = *field.from
		}
	}
	if c.Flags().Changed("oidc-keys") {
		o.OIDCKeys = given.OIDCKeys
	}
	if c.Flags().Changed("await-init") {
		o.AwaitInit = given.AwaitInit
	}
	if c.Flags().Changed("allow-insecure") {
		o.AllowInsecure = given.AllowInsecure
	}
	return nil
}

func (o *serverOptions) check() error {
	switch {
	case o.Data == "":
		return usagef("server needs --data DIR or --config FILE")
	case (o.TLSCert == "") != (o.TLSKey == ""):
		return usagef("--tls-cert and --tls-key go together")
	case o.TLSCert == "" && !isLoopback(o.Listen) && !o.AllowInsecure:
		return usagef("%s can be reached from other machines, and secrets would go there in the clear: give --tls-cert and --tls-key, or, behind a proxy that has TLS, --allow-insecure", o.Listen)
	}
	return nil
}

func (o *serverOptions) run(ctx context.Context, in io.Reader, out io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	log := newLogger(os.Stderr)
	defer log.Close()
	dir := folder(o.Data)
	accept := func(h *house) error { return errors.Join(refuseDevelopment(ctx, h), h.readIssuers(o.OIDCKeys)) }
	k := newKeeper(dir, log, accept, o.AwaitInit)
	how := "serves"
	switch err := o.open(k, in); {
	case errors.Is(err, errNoShares), o.AwaitInit && !dir.exists():
		how = "waits, sealed, for"
	case err != nil:
		return err
	}
	at := listening{addr: o.Listen, certFile: o.TLSCert, keyFile: o.TLSKey}
	return k.front.serve(ctx, at, func(addr net.Addr) {
		fmt.Fprintf(out, "Strongroom %s %s on %s\n", how, dir, addr)
	})
}

// open opens the house at the start, if its seal can be opened then.
func (o *serverOptions) open(k *keeper, in io.Reader) error {
	h, err := k.dir.open(unsealer(k.dir, o.SealKey, in), k.log)
	if err != nil {
		return err
	}
	if err := k.accept(h); err != nil {
		return errors.Join(err, h.close())
	}
	if cfg, err := seal.Load(k.dir.seal()); err == nil && cfg.Kind == shamir.Kind {
		h.sealUp = k.seal
	}
	k.front.admit(h)
	return nil
}

// errNoShares: nobody gave a share at the start.
var errNoShares = errors.New("no shares of the seal were given")

// refuseDevelopment refuses a folder whose credentials everybody knows.
func refuseDevelopment(ctx context.Context, h *house) error {
	return h.store.View(ctx, func(r store.Reader) error {
		there, err := identity.HasCredential(r, devAccessKey)
		if err == nil && there {
			err = fmt.Errorf("%s was made by strongroom dev: it accepts credentials that everybody knows. Make a folder with strongroom init", h.folder)
		}
		return err
	})
}

// unsealer makes the seal that a folder's config asks for.
func unsealer(dir folder, keyFile string, in io.Reader) opener {
	return func(cfg seal.Config) (seal.Seal, error) {
		switch cfg.Kind {
		case file.Kind:
			if keyFile == "" {
				keyFile = dir.sealKey()
			}
			return file.Open(keyFile)
		case shamir.Kind:
			shares, err := askShares(in, cfg.Threshold)
			if err != nil {
				return nil, err
			}
			return shamir.Open(shares)
		}
		return nil, fmt.Errorf("%s is sealed by %q, which this version does not know", dir, cfg.Kind)
	}
}

// askShares reads shares without echo from a terminal, or one a line.
func askShares(in io.Reader, n int) ([]plain.Value, error) {
	f, ok := in.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd()))
	lines := bufio.NewScanner(in)
	var shares []plain.Value
	for len(shares) < n {
		var line []byte
		if terminal {
			fmt.Fprintf(os.Stderr, "Share %d of %d: ", len(shares)+1, n)
			b, err := term.ReadPassword(int(f.Fd()))
			fmt.Fprintln(os.Stderr)
			if err != nil {
				return nil, err
			}
			line = b
		} else {
			if !lines.Scan() {
				if len(shares) == 0 {
					return nil, errNoShares
				}
				return nil, fmt.Errorf("the store is sealed: %d shares are needed, one a line on standard input, and %d came", n, len(shares))
			}
			line = lines.Bytes()
		}
		if strings.TrimSpace(string(line)) != "" {
			shares = append(shares, plain.New(append([]byte{}, line...)))
		}
	}
	return shares, nil
}
