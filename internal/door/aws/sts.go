package aws

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/oidc"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

const stsVersion = "2011-06-15"

func stsService() *queryService {
	return &queryService{service: service{name: "sts"}, version: stsVersion, namespace: "https://sts.amazonaws.com/doc/2011-06-15/", actions: map[string]queryOperation{
		"GetCallerIdentity":         {verb: secret.GetCallerIdentity, serve: getCallerIdentity},
		"AssumeRole":                {verb: secret.AssumeRole, serve: assumeRole},
		"AssumeRoleWithWebIdentity": {verb: secret.AssumeRoleWithWebIdentity, serve: assumeRoleWithWebIdentity, open: true},
		"GetSessionToken":           {verb: secret.GetSessionToken, serve: getSessionToken},
		"GetAccessKeyInfo":          {verb: secret.GetAccessKeyInfo, serve: getAccessKeyInfo},
	}}
}

func getCallerIdentity(q *request, _ form) (any, error) {
	id, err := q.door.cfg.Directory.GetCallerIdentity(q.ctx, q.who)
	if err != nil {
		return nil, err
	}
	return struct{ Arn, UserId, Account string }{id.ARN, id.UserID, id.Account}, nil
}

// xmlCredentials are a session's.
type xmlCredentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }

// credentialsOf shows credentials, and wipes them.
func credentialsOf(c identity.Credentials) xmlCredentials {
	defer c.Secret.Wipe()
	return xmlCredentials{c.AccessKey, string(c.Secret.Open()), c.Token, xmlTime(c.Expires)}
}

type xmlAssumed struct{ AssumedRoleId, Arn string }

const sessionPattern = `[\w+=,.@-]*`

func assumeRole(q *request, f form) (any, error) {
	c := &queryChecker{f: f}
	c.need("RoleArn")
	c.need("RoleSessionName")
	c.length("RoleArn", 20, 2048)
	c.length("RoleSessionName", 2, 64)
	c.chars("RoleSessionName", nameChars, sessionPattern)
	c.length("ExternalId", 2, 1224)
	c.chars("ExternalId", nameChars+":/", `[\w+=,.@:\/-]*`)
	c.length("SourceIdentity", 2, 64)
	c.chars("SourceIdentity", nameChars, sessionPattern)
	lasts := c.whole("DurationSeconds", 0, 900, 43200)
	in := identity.AssumeRoleInput{
		Session: f.get("RoleSessionName"), Lasts: time.Duration(lasts) * time.Second, ExternalID: f.get("ExternalId"), Policy: f.get("Policy"),
		PolicyARNs: f.arns("PolicyArns"), Tags: c.tags(), Transitive: f.list("TransitiveTagKeys"), Source: f.get("SourceIdentity"), Token: q.claim.Token(),
	}
	err := c.err()
	var ok bool
	if in.Account, in.Role, ok = splitRole(f.get("RoleArn")); err == nil && !ok {
		err = badForm(f.get("RoleArn") + " is invalid")
	}
	if err != nil {
		return nil, q.reject(secret.Ref{}, err)
	}
	q.given = f.get("RoleArn")
	out, err := q.door.cfg.Directory.AssumeRole(q.ctx, q.who, in)
	if err != nil {
		return nil, stsError(err)
	}
	return struct {
		Credentials      xmlCredentials
		AssumedRoleUser  xmlAssumed
		PackedPolicySize int    `xml:",omitempty"`
		SourceIdentity   string `xml:",omitempty"`
	}{credentialsOf(out.Credentials), xmlAssumed{out.RoleID, out.ARN}, out.Packed, out.Source}, nil
}

// maxWebToken bounds an identity token, in bytes.
const maxWebToken = 20000

func assumeRoleWithWebIdentity(q *request, f form) (any, error) {
	c := &queryChecker{f: f}
	for _, n := range []string{"RoleArn", "RoleSessionName", "WebIdentityToken"} {
		c.need(n)
	}
	c.length("RoleArn", 20, 2048)
	c.length("RoleSessionName", 2, 64)
	c.chars("RoleSessionName", nameChars, sessionPattern)
	if n := len(f.get("WebIdentityToken")); f.has("WebIdentityToken") && (n < 4 || n > maxWebToken) { // it is not quoted: it is a credential
		c.add("Value at 'webIdentityToken' failed to satisfy constraint: Member must have length between 4 and %d", maxWebToken)
	}
	lasts := c.whole("DurationSeconds", 0, 900, 43200)
	in := identity.WebIdentityInput{Web: f.get("WebIdentityToken")}
	in.Session, in.Lasts, in.Policy, in.PolicyARNs = f.get("RoleSessionName"), time.Duration(lasts)*time.Second, f.get("Policy"), f.arns("PolicyArns")
	err := c.err()
	var ok bool
	if in.Account, in.Role, ok = splitRole(f.get("RoleArn")); err == nil && !ok {
		err = badForm(f.get("RoleArn") + " is invalid")
	}
	if err == nil {
		if in.Issuer, err = oidc.IssuerOf(in.Web); err != nil {
			err = &wireError{kind: "InvalidIdentityToken", message: "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)", status: http.StatusBadRequest}
		}
	}
	if err != nil {
		f := fault.Wrap(fault.Unauthenticated, err, "The request is not valid.")
		return nil, q.door.cfg.Directory.RefuseClaim(q.ctx, q.who, "", f)
	}
	q.given = f.get("RoleArn")
	out, err := q.door.cfg.Directory.AssumeRoleWithWebIdentity(q.ctx, q.who, in)
	if err != nil {
		return nil, stsError(err)
	}
	q.who.Principal = out.ARN
	return struct {
		SubjectFromWebIdentityToken, Audience, Provider string
		Credentials                                     xmlCredentials
		AssumedRoleUser                                 xmlAssumed
		PackedPolicySize                                int `xml:",omitempty"`
	}{out.Subject, out.Audience, out.Provider, credentialsOf(out.Credentials), xmlAssumed{out.RoleID, out.ARN}, out.Packed}, nil
}

// splitRole reads the ARN of a role: its account, and its path and name.
func splitRole(full string) (account, role string, ok bool) {
	rest, ok := strings.CutPrefix(full, "arn:aws:iam::")
	account, role, found := strings.Cut(rest, ":role/")
	return account, "/" + role, ok && found && len(account) == 12 && strings.Trim(account, "0123456789") == "" && role != ""
}

// stsError spells what STS names otherwise than IAM does.
func stsError(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case ok && errors.Is(err, identity.ErrInput):
		return badForm(f.Message)
	case ok && errors.Is(err, identity.ErrIssuer):
		return &wireError{kind: "IDPCommunicationError", message: f.Message, status: http.StatusBadRequest}
	case ok && errors.Is(err, identity.ErrIdentityToken):
		return &wireError{kind: "InvalidIdentityToken", message: f.Message, status: http.StatusBadRequest}
	case ok && f.Code == fault.Denied:
		if r, ok := errors.AsType[*policy.Refusal](err); ok && r.Verb == secret.AssumeRoleWithWebIdentity {
			return &wireError{kind: "AccessDenied", message: "Not authorized to perform sts:AssumeRoleWithWebIdentity", status: http.StatusForbidden}
		}
	}
	return err
}

func getSessionToken(q *request, f form) (any, error) {
	c := &queryChecker{f: f}
	lasts := c.whole("DurationSeconds", 0, 900, 129600)
	if f.has("SerialNumber") || f.has("TokenCode") {
		c.add("There are no MFA devices")
	}
	if err := c.err(); err != nil {
		return nil, q.reject(secret.Ref{}, err)
	}
	out, err := q.door.cfg.Directory.GetSessionToken(q.ctx, q.who, time.Duration(lasts)*time.Second)
	if err != nil {
		return nil, err
	}
	return struct{ Credentials xmlCredentials }{credentialsOf(out)}, nil
}

func getAccessKeyInfo(q *request, f form) (any, error) {
	c := &queryChecker{f: f}
	c.need("AccessKeyId")
	c.length("AccessKeyId", 16, 128)
	if err := c.err(); err != nil {
		return nil, q.reject(secret.Ref{}, err)
	}
	account, err := q.door.cfg.Directory.GetAccessKeyInfo(q.ctx, q.who, f.get("AccessKeyId"))
	if err != nil {
		return nil, err
	}
	if account == "" {
		return nil, &wireError{kind: "ValidationError", message: fmt.Sprintf("Invalid Access Key Id: %s", f.get("AccessKeyId")), status: http.StatusBadRequest}
	}
	return struct{ Account string }{account}, nil
}
