package vault

import (
	"bytes"

	"github.com/strongroom-dev/strongroom/internal/fault"
)

// wrapping are the paths of wrapped answers.
// (https://developer.hashicorp.com/vault/api-docs/system/wrapping-wrap)
func wrapping() []route {
	return []route{
		{path: "wrapping/wrap", write: wrapData, generic: true},
		{path: "wrapping/lookup", read: lookupWrapping, write: lookupWrapping, public: true, keeps: true},
		{path: "wrapping/unwrap", write: unwrap, keeps: true},
		{path: "wrapping/rewrap", write: rewrap, keeps: true},
	}
}

// wrapData gives back what it was given: asked with a wrapping TTL, as it must
// be, that is wrapped.
func wrapData(q *request) (*response, error) {
	if q.wrapTTL <= 0 {
		return nil, q.reject(fault.New(fault.Invalid, "endpoint requires response wrapping to be used"))
	}
	if err := q.door.cfg.Core.MayUse(q.ctx, q.who, q.setting()); err != nil {
		return nil, err
	}
	body := bytes.TrimSpace(q.body)
	if len(q.fields.names) == 0 {
		body = []byte("{}")
	}
	return &response{raw: func(b []byte) []byte { return append(grow(b, len(body)), body...) }}, nil
}

// wrapped is the wrapping token that is meant: the parameter's, or the caller's
// own.
func (q *request) wrapped() string {
	if text := q.fields.text("token"); text != "" {
		return text
	}
	return q.token
}

func lookupWrapping(q *request) (*response, error) {
	w, err := q.door.cfg.Tokens.LookupWrapping(q.ctx, q.who, &q.session, q.path, q.wrapped())
	if err != nil {
		return nil, err
	}
	return &response{data: m{"creation_path": w.Path, "creation_time": stamp(w.Created), "creation_ttl": w.TTL}}, nil
}

func unwrap(q *request) (*response, error) {
	answer, err := q.door.cfg.Tokens.Unwrap(q.ctx, q.who, &q.session, q.path, q.wrapped())
	if err != nil {
		return nil, err
	}
	return &response{unwrapped: answer}, nil
}

func rewrap(q *request) (*response, error) {
	w, err := q.door.cfg.Tokens.Rewrap(q.ctx, q.who, &q.session, q.path, q.wrapped())
	if err != nil {
		return nil, err
	}
	return &response{wrap: &w}, nil
}
