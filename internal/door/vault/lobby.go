package vault

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// Lobby answers while the server is sealed: it tells so, and takes shares of the
// seal. It is safe for concurrent use.
type Lobby struct {
	Status func() Status
	// Unseal takes a share, or forgets those that it was given. It fails with
	// an error that may be told.
	Unseal func(r *http.Request, share []byte, reset bool) error
	// Init makes what is to be unsealed; nil where that is not for everybody.
	Init func(shares, threshold int) (Initialized, error)
}

// Initialized is what a new server gives to whoever made it, once.
type Initialized struct {
	Keys       []string `json:"keys"`        // shares of the seal, in hexadecimal
	KeysBase64 []string `json:"keys_base64"` // and in base64
	RootToken  string   `json:"root_token"`

	Account   string `json:"aws_account_id"` // the first administrator, for AWS's tools
	AccessKey string `json:"aws_access_key_id"`
	SecretKey string `json:"aws_secret_access_key"`
}

// maxLobby is the longest request, in bytes.
const maxLobby = 16 << 10

// ServeHTTP implements http.Handler.
func (l *Lobby) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Cache-Control"], h["Content-Type"] = noStore, contentTypes
	s := l.Status()
	if !strings.HasPrefix(r.URL.Path, Prefix) {
		elsewhere(w, r)
		return
	}
	switch strings.TrimPrefix(r.URL.Path, Prefix+"sys/") {
	case "seal-status":
		answer(w, http.StatusOK, SealStatus(s))
	case "leader":
		out, _ := leader(nil)
		answer(w, http.StatusOK, out.bare)
	case "health":
		q := &request{http: r, query: r.URL.Query(), door: &Door{cfg: Config{Status: l.Status, Now: time.Now}}}
		out, _ := health(q)
		answer(w, out.status, out.bare)
	case "init":
		l.init(w, r, s)
	case "unseal":
		l.unseal(w, r)
	default:
		if !s.Initialized {
			refuse(w, http.StatusServiceUnavailable, "Vault is not initialized")
			return
		}
		refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
	}
}

// elsewhere answers at the other doors, in words that clients of AWS's read too.
func elsewhere(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		answer(w, http.StatusOK, "ok")
		return
	}
	answer(w, http.StatusServiceUnavailable, m{"__type": "ServiceUnavailableException", "message": "The server is sealed: it waits for shares of its seal."})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, text string) {
	answer(w, status, m{"errors": []string{text}})
}

// parameters reads a request's.
func parameters(w http.ResponseWriter, r *http.Request) (*fields, error) {
	if r.Method != http.MethodPut && r.Method != http.MethodPost {
		return nil, errors.New("unsupported operation")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLobby))
	if err != nil {
		return nil, errors.New("the request cannot be read")
	}
	f := &fields{}
	return f, f.read(opWrite, body)
}

func (l *Lobby) unseal(w http.ResponseWriter, r *http.Request) {
	f, err := parameters(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	reset, _ := f.boolean("reset")
	share := f.bytes("key")
	defer clear(share)
	switch {
	case f.err() != nil:
		refuse(w, http.StatusBadRequest, f.err().Error())
		return
	case len(share) == 0 && !reset:
		refuse(w, http.StatusBadRequest, "'key' must be specified in request body as JSON, or 'reset' set to true")
		return
	}
	if err := l.Unseal(r, share, reset); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	answer(w, http.StatusOK, SealStatus(l.Status()))
}

func (l *Lobby) init(w http.ResponseWriter, r *http.Request, s Status) {
	if r.Method == http.MethodGet {
		answer(w, http.StatusOK, m{"initialized": s.Initialized})
		return
	}
	f, err := parameters(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	shares, _ := f.whole("secret_shares")
	threshold, _ := f.whole("secret_threshold")
	switch {
	case f.err() != nil:
		refuse(w, http.StatusBadRequest, f.err().Error())
		return
	case s.Initialized:
		refuse(w, http.StatusBadRequest, "Vault is already initialized")
		return
	case l.Init == nil:
		refuse(w, http.StatusBadRequest, "this server is initialized with strongroom init")
		return
	case f.has("pgp_keys") || f.text("root_token_pgp_key") != "":
		refuse(w, http.StatusBadRequest, "PGP keys are not supported")
		return
	}
	made, err := l.Init(int(shares), int(threshold))
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	answer(w, http.StatusOK, made)
}
