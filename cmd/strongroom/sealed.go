package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/door/vault"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/seal"
	"github.com/strongroom-dev/strongroom/internal/seal/shamir"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// keeper keeps a server sealed, until it was given as many shares of the seal as
// open it, and whenever it is told to.
type keeper struct {
	dir    folder
	log    *logger
	front  *front
	accept func(h *house) error // refuses houses that must not be served, and furnishes others

	mu     sync.Mutex
	shares []plain.Value
	givers []string // where the shares came from
	nonce  string   // of this attempt
}

// newKeeper makes the keeper of a front.
func newKeeper(dir folder, log *logger, accept func(*house) error, mayInit bool) *keeper {
	k := &keeper{dir: dir, log: log, front: &front{log: log}, accept: accept}
	k.front.sealed = &vault.Lobby{Status: k.status, Unseal: k.unseal}
	if mayInit {
		k.front.sealed.Init = k.init
	}
	return k
}

// status is what the server says while it is sealed.
func (k *keeper) status() vault.Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := vault.Status{Sealed: true, Type: shamir.Kind, Version: vaultVersion, Progress: len(k.shares), Nonce: k.nonce}
	if cfg, err := seal.Load(k.dir.seal()); err == nil {
		s.Initialized, s.Type, s.Shares, s.Threshold = true, cfg.Kind, cfg.Shares, cfg.Threshold
	}
	if open := k.front.open.Load(); open != nil {
		return open.house.status()
	}
	return s
}

// forget drops the shares that were given.
func (k *keeper) forget() {
	for _, s := range k.shares {
		s.Wipe()
	}
	k.shares, k.givers, k.nonce = nil, nil, ""
}

// unseal takes a share. The last one that is needed opens the house.
func (k *keeper) unseal(r *http.Request, share []byte, reset bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if reset {
		k.forget()
		return nil
	}
	cfg, err := seal.Load(k.dir.seal())
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errors.New("Vault is not initialized") //nolint:staticcheck // Vault's text
	case err != nil:
		return err
	case cfg.Kind != shamir.Kind:
		return fmt.Errorf("this server has the %s seal, which is opened at its start", cfg.Kind)
	}
	given := plain.New(append([]byte{}, share...))
	raw, err := shamir.Decode(given)
	if err != nil {
		return errors.New("'key' must be a valid hex or base64 string, of a share of the seal")
	}
	defer clear(raw)
	for _, s := range k.shares {
		other, _ := shamir.Decode(s)
		same := bytes.Equal(other, raw)
		clear(other)
		if same {
			return nil // it counts once
		}
	}
	if k.nonce == "" {
		k.nonce = core.NewVersionID()
	}
	k.shares, k.givers = append(k.shares, given), append(k.givers, r.RemoteAddr)
	if len(k.shares) < cfg.Threshold {
		return nil
	}
	defer k.forget()
	return k.enter()
}

// enter opens the house with the shares, and lets requests in.
func (k *keeper) enter() error {
	h, err := k.dir.open(func(seal.Config) (seal.Seal, error) { return shamir.Open(k.shares) }, k.log)
	if err != nil {
		k.log.Warn("the shares did not open the house", "error", err, "from", k.givers)
		return errors.New("Unseal failed, invalid key") //nolint:staticcheck // Vault's text
	}
	if err := k.accept(h); err != nil {
		return errors.Join(err, h.close())
	}
	h.sealUp = k.seal
	who := core.House(secret.UnsealServer)
	for _, from := range k.givers {
		who.Source = from
		if err := h.core.UnsealServer(context.Background(), who); err != nil {
			return errors.Join(err, h.close())
		}
	}
	k.log.Info("unsealed", "shares", len(k.shares))
	k.front.admit(h)
	return nil
}

// seal closes the house behind the request that asked for it.
func (k *keeper) seal() {
	go func() {
		if err := k.front.leave(); err != nil {
			k.log.Error("sealing", "error", err)
		}
		k.log.Info("sealed")
	}()
}

// init makes a data folder under the shamir seal, for whoever asks first.
func (k *keeper) init(shares, threshold int) (vault.Initialized, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := vault.Initialized{}
	o := initOptions{data: string(k.dir), seal: shamir.Kind, shares: shares, threshold: threshold, region: defaultRegion, account: randomDigits(12)}
	if k.dir.exists() {
		return out, errors.New("Vault is already initialized") //nolint:staticcheck // Vault's text
	}
	made, err := o.make(context.Background(), k.dir)
	if err != nil {
		return out, err
	}
	defer made.wipe()
	for _, s := range made.shares {
		raw, err := base64.StdEncoding.DecodeString(string(s.Open()))
		if err != nil {
			return out, err
		}
		out.Keys, out.KeysBase64 = append(out.Keys, hex.EncodeToString(raw)), append(out.KeysBase64, string(s.Open()))
		clear(raw)
	}
	out.RootToken, out.Account, out.AccessKey, out.SecretKey = made.root, o.account, made.accessKey, string(made.secretKey.Open())
	return out, nil
}
