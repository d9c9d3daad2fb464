package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
)

// asked is a whole request of Vault's protocol, as its Go client would send it.
func (s *server) asked(method, path, token, body string) []byte {
	return fmt.Appendf(nil, "%s /v1/%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: %d\r\nX-Vault-Request: true\r\nX-Vault-Token: %s\r\nAccept-Encoding: gzip\r\n\r\n%s",
		method, path, s.addr, len(body), token, body)
}

// vaultPolicy is one that a user has: some rules that do not matter, and the
// one that does.
const vaultPolicy = `path \"secret/data/bench/*\" { capabilities = [\"read\", \"create\", \"update\"] } path \"secret/metadata/+/x\" { capabilities = [\"list\"] } path \"kv/*\" { capabilities = [\"deny\"] }`

// userToken makes a token that is bound by a user's policies.
func (s *server) userToken() (string, error) {
	for _, name := range []string{"bench-a", "bench-b"} {
		c, err := dial(s.addr)
		if err != nil {
			return "", err
		}
		_, _ = c.Write(s.asked("PUT", "sys/policies/acl/"+name, s.vault, `{"policy":"`+vaultPolicy+`"}`))
		_, _ = c.in.ReadSlice('\n')
		_ = c.Close()
	}
	out, err := s.once(s.asked("POST", "auth/token/create", s.vault, `{"policies":["bench-a","bench-b"],"ttl":"24h"}`))
	if err != nil {
		return "", err
	}
	var made struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	return made.Auth.Token, json.Unmarshal(out, &made)
}

const hotSecrets = 10_000

// compareVault compares reads by Vault's protocol with a bare server, and counts
// what its writes cost.
func compareVault(s *settings) error {
	srv, err := startServer(s, filepath.Join(s.dir, "vault"))
	if err != nil {
		return err
	}
	defer srv.stop()
	data := `{"data":` + value + `}`
	for i := range hotSecrets {
		if i > 0 && s.only == "" && i > 1000 {
			break
		}
		if _, err := srv.once(srv.asked("PUT", fmt.Sprintf("secret/data/bench/%d", i), srv.vault, data)); err != nil {
			return err
		}
	}
	many := hotSecrets
	if s.only == "" {
		many = 1000
	}
	user, err := srv.userToken()
	if err != nil {
		return err
	}
	one := func(token string) requests {
		request := srv.asked("GET", "secret/data/bench/0", token, "")
		return func(int, int) []byte { return request }
	}
	spread := func(int, int) []byte {
		return srv.asked("GET", fmt.Sprintf("secret/data/bench/%d", rand.IntN(many)), user, "")
	}
	answer, err := srv.sample(one(srv.vault))
	if err != nil {
		return err
	}
	plain, err := startBare(s, answer)
	if err != nil {
		return err
	}
	defer plain.stop()
	fmt.Println("KV version 2 read at 64 connections, all on, against a bare net/http server that gets the same bytes")
	fmt.Println("what                        bare rps  real rps  ratio   real p50   real p99  real us/req")
	for _, row := range []struct {
		name string
		next requests
	}{{"one key, root token", one(srv.vault)}, {"one key, a user's policies", one(user)}, {fmt.Sprintf("%d keys, a user's", many), spread}} {
		var b, r []result
		for range s.rounds {
			b, r = append(b, plain.load(64, s.seconds, row.next)), append(r, srv.load(64, s.seconds, row.next))
		}
		mb, mr := median(b), median(r)
		fmt.Printf("%-26s  %8.0f  %8.0f  %5.2f  %9s  %9s  %11.1f\n", row.name, mb.rps, mr.rps, mr.rps/mb.rps, round(mr.p50), round(mr.p99), mr.cpu)
	}
	return srv.measureVaultWrites(s, user, data)
}

func (s *server) measureVaultWrites(set *settings, user, data string) error {
	role, err := s.appRole()
	if err != nil {
		return err
	}
	fmt.Println("\nwhat at 64 connections      rps        p50        p99  us/req  a transaction  an fsync")
	for _, row := range []struct {
		name string
		next requests
	}{
		{"KV write", func(conn, n int) []byte {
			return s.asked("PUT", fmt.Sprintf("secret/data/bench/w%d", conn), user, data)
		}},
		{"token create", func(int, int) []byte {
			return s.asked("POST", "auth/token/create", s.vault, `{"policies":["bench-a"],"ttl":"1h"}`)
		}},
		{"AppRole login", func(int, int) []byte { return s.asked("PUT", "auth/approle/login", "", role) }},
	} {
		before := s.counters()
		r := s.load(64, 2*set.seconds, row.next)
		grew := s.counters().since(before)
		fsyncs := 2*grew["strongroom_store_transactions_total"] + grew["strongroom_audit_syncs_total"]
		fmt.Printf("%-22s  %7.0f  %9s  %9s  %6.0f  %13.1f  %8.1f\n", row.name, r.rps, round(r.p50), round(r.p99), r.cpu,
			r.count/grew["strongroom_store_transactions_total"], r.count/fsyncs)
	}
	fmt.Println()
	return nil
}

// appRole makes a role, and gives the body of a login by it.
func (s *server) appRole() (string, error) {
	for _, step := range [][2]string{{"sys/auth/approle", `{"type":"approle"}`}, {"auth/approle/role/bench", `{"token_policies":"bench-a","token_ttl":"1h","role_id":"bench"}`}} {
		c, err := dial(s.addr)
		if err != nil {
			return "", err
		}
		_, _ = c.Write(s.asked("POST", step[0], s.vault, step[1]))
		_, _ = c.in.ReadSlice('\n') // 204, or 400 if it is there
		_ = c.Close()
	}
	out, err := s.once(s.asked("POST", "auth/approle/role/bench/secret-id", s.vault, "{}"))
	if err != nil {
		return "", err
	}
	var made struct {
		Data struct {
			ID string `json:"secret_id"`
		} `json:"data"`
	}
	err = json.Unmarshal(out, &made)
	return fmt.Sprintf(`{"role_id":"bench","secret_id":%q}`, made.Data.ID), err
}
