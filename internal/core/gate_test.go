package core_test

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/login"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/token"
	"github.com/strongroom-dev/strongroom/internal/transit"
)

// notOperations are the methods that show nothing and change nothing, or that
// do what is tried verb by verb.
var notOperations = map[string]bool{
	"Reject": true, "RefuseClaim": true, "Failed": true, "Due": true, "Accesses": true, "KeyUses": true, "BeginSwap": true, "RotationsDue": true, "RotationsWake": true, "WakeRotations": true, "EventsAfter": true, "AnyWebhooks": true, "IsRegistered": true, "RotationsClaimed": true,
	"Resolve": true, "NameAll": true, "Use": true, "Do": true,
	"Bind": true, "StampAt": true, "Changed": true, "Of": true, "Shown": true, "Home": true, "Account": true, "Issue": true, "Sweepable": true, "Ensure": true, "Persona": true, "JoinExternal": true,
}

// asVerb are operations whose verb is another than their name: what is kept at
// a path of Vault's is a setting.
var asVerb = map[string]secret.Verb{
	"PutACL": secret.WriteSetting, "GetACL": secret.ReadSetting, "ListACLs": secret.ListSettings, "DeleteACL": secret.DeleteSetting,
	"Settle": secret.WriteSetting, "MayUse": secret.UsePath, "PutPasswordPolicy": secret.WriteSetting, "GetPasswordPolicy": secret.ReadSetting,
	"ListPasswordPolicies": secret.ListSettings, "DeletePasswordPolicy": secret.DeleteSetting, "KeyStatus": secret.ReadSetting, "GeneratePassword": secret.ReadSetting, "AuditHash": secret.UsePath, "GetKeeping": secret.ReadSetting, "SetKeeping": secret.WriteSetting,
	"List": secret.ReadSetting, "Enable": secret.EnableMount, "Tune": secret.WriteSetting, "Disable": secret.DisableMount, "Move": secret.MoveMount,
	"CreateNamespace": secret.WriteSetting, "GetNamespace": secret.ReadSetting, "ListNamespaces": secret.ListSettings, "DeleteNamespace": secret.DeleteSetting,
	"ReadVersion": secret.GetValue, "WriteVersion": secret.PutValue, "PatchVersion": secret.PatchValue,
	"Create": secret.CreateToken, "InstallRoot": secret.CreateToken, "Lookup": secret.LookupToken, "Renew": secret.RenewToken,
	"Revoke": secret.RevokeToken, "RevokePath": secret.RevokeToken, "Sweep": secret.TidyTokens, "Tidy": secret.TidyTokens,
	"CapabilitiesOf": secret.CheckCapabilities, "ListAccessors": secret.ListTokens,
	"Get": secret.ReadSetting, "ListEntities": secret.ListSettings, "Put": secret.WriteSetting, "Delete": secret.DeleteSetting, "Merge": secret.WriteSetting,
	"PutAlias": secret.WriteSetting, "GetAlias": secret.ReadSetting, "ListAliases": secret.ListSettings, "DeleteAlias": secret.DeleteSetting,
	"LookupEntity": secret.ReadSetting, "PutGroup": secret.WriteSetting, "GetEntityGroup": secret.ReadSetting, "ListEntityGroups": secret.ListSettings, "DeleteEntityGroup": secret.DeleteSetting, "PutGroupAlias": secret.WriteSetting, "GetGroupAlias": secret.ReadSetting, "ListGroupAliases": secret.ListSettings, "DeleteGroupAlias": secret.DeleteSetting,
	"PutAppRole": secret.WriteSetting, "GetAppRole": secret.ReadSetting, "ListAppRoles": secret.ListSettings, "DeleteAppRole": secret.DeleteSetting,
	"ListSecretIDs": secret.ListSettings, "TidySecretIDs": secret.DestroySecretID,
	"PutUser": secret.WriteSetting, "GetUserpassUser": secret.ReadSetting, "ListUserpassUsers": secret.ListSettings, "DeleteUserpassUser": secret.DeleteSetting,
	"PutJWTConfig": secret.WriteSetting, "GetJWTConfig": secret.ReadSetting, "PutJWTRole": secret.WriteSetting, "GetJWTRole": secret.ReadSetting,
	"ListJWTRoles": secret.ListSettings, "DeleteJWTRole": secret.DeleteSetting,
	"PutKubernetesConfig": secret.WriteSetting, "GetKubernetesConfig": secret.ReadSetting, "PutKubernetesRole": secret.WriteSetting,
	"GetKubernetesRole": secret.ReadSetting, "ListKubernetesRoles": secret.ListSettings, "DeleteKubernetesRole": secret.DeleteSetting,
	"Read": secret.ReadSetting, "ListKeys": secret.ListSettings, "Configure": secret.WriteSetting, "VerifyMAC": secret.VerifyData,
	"PutTokenRole": secret.WriteSetting, "GetTokenRole": secret.ReadSetting, "ListTokenRoles": secret.ListSettings, "DeleteTokenRole": secret.DeleteSetting,
	"Unwrap": secret.UnwrapResponse, "Rewrap": secret.RewrapResponse,
}

// ofTheirOwn are operations that whoever comes to them may do: a claim, or an
// answer that is the caller's already, is all that they want.
var ofTheirOwn = map[string]secret.Verb{"Spend": secret.SpendToken, "Spent": secret.RevokeToken, "Wrap": secret.WrapResponse, "LookupWrapping": secret.LookupWrapping,
	"ByAppRole": secret.Login, "ByPassword": secret.Login, "ByJWT": secret.Login, "ByServiceAccount": secret.Login}

// refusedEarlier are operations that begin with another verb.
var refusedEarlier = map[string]string{"AssumeRoleWithWebIdentity": "Authenticate"}

// notMethods are verbs that are asked for inside of other operations only.
var notMethods = map[secret.Verb]bool{secret.TagSession: true, secret.SetSourceIdentity: true, secret.ReadSubkeys: true}

type noClaim struct{}

func (noClaim) Scope() (service, region string) { return "iam", "us-east-1" }
func (noClaim) AccessKey() string               { return "AKIANOBODY" }
func (noClaim) Token() string                   { return "" }
func (noClaim) Verify(identity.Stamp, func() (plain.Value, error)) error {
	return fault.New(fault.Unauthenticated, "no")
}

// Every operation, called by somebody whose program is empty, is refused, is
// recorded under its own name, and changes nothing.
func TestNothingPassesTheGateWithoutAProgram(t *testing.T) {
	h := coretest.New(t)
	if _, err := h.CreateSecret(context.Background(), coretest.Admin(), core.CreateSecretInput{
		Space: coretest.Space, Name: "there", Token: "token", Content: coretest.TextOf("x")}); err != nil {
		t.Fatal(err)
	}
	nobody := coretest.Admin()
	nobody.Program = &policy.Program{}
	seen := map[string]bool{}
	try := func(name string, call func() error) {
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			h.Records() // ships what waits
			entries, records := h.Entries(), len(h.Records())
			if err := call(); !fault.Is(err, fault.Denied) {
				t.Errorf("it answered %v", err)
			}
			after := h.Records()
			if len(after) != records+1 || after[records].Verb != cmp.Or(refusedEarlier[name], verbOf(name)) || after[records].Decision != "deny" || after[records].Outcome != "denied" {
				t.Errorf("it recorded %+v", after[records:])
			}
			if !maps.Equal(entries, h.Entries()) {
				t.Error("it changed the store")
			}
		})
	}
	table, err := h.Mounts.List(context.Background(), coretest.Admin(), coretest.Account, "sys/mounts")
	if err != nil {
		t.Fatal(err)
	}
	session := &token.Session{Table: table}
	for _, x := range []any{h.Core, h.Directory, h.Mounts, h.Tokens, h.Entities, h.Methods, h.Transit} {
		methods := reflect.TypeOf(x)
		for i := range methods.NumMethod() {
			m := methods.Method(i)
			_, any := ofTheirOwn[m.Name]
			onTokens := reflect.TypeOf(x) == reflect.TypeFor[*token.Tokens]()
			if notOperations[m.Name] || any || m.Name == "Authenticate" && onTokens {
				continue
			}
			try(m.Name, func() error { return call(m, x, nobody, session) })
		}
	}
	for _, v := range ofTheirOwn {
		seen[v.String()] = true
	}
	for _, v := range asVerb {
		seen[v.String()] = true
	}
	for _, v := range identity.Operations() {
		try(v.String(), func() error {
			_, err := h.Directory.Do(context.Background(), nobody, v, identity.Input{Name: "there", PolicyARN: identity.Administrator})
			return err
		})
	}
	for _, v := range secret.Verbs() {
		if !seen[v.String()] && !notMethods[v] {
			t.Errorf("no operation is called %s", v)
		}
	}
	for name := range seen {
		if known := slices.ContainsFunc(secret.Verbs(), func(v secret.Verb) bool { return v.String() == name }); !known && asVerb[name] == 0 {
			t.Errorf("%s is no verb, and has none", name)
		}
	}
}

func verbOf(name string) string {
	if v, ok := asVerb[name]; ok {
		return v.String()
	}
	return name
}

// call calls an operation with arguments that mean something.
func call(m reflect.Method, x any, who core.Caller, s *token.Session) error {
	args := []reflect.Value{reflect.ValueOf(x), reflect.ValueOf(context.Background()), reflect.ValueOf(who)}
	for i := len(args); i < m.Type.NumIn(); i++ {
		if m.Type.In(i) == reflect.TypeOf(s) {
			args = append(args, reflect.ValueOf(s))
			continue
		}
		args = append(args, argument(m.Type.In(i)))
	}
	out := m.Func.Call(args)
	err, _ := out[len(out)-1].Interface().(error)
	return err
}

// argument is an empty input, or one that names the secret that is there.
func argument(in reflect.Type) reflect.Value {
	if in == reflect.TypeFor[transit.At]() {
		return reflect.ValueOf(transit.At{Account: coretest.Account, Mount: &mount.Mount{Path: "transit/", UUID: "u"}, Path: "transit/there"})
	}
	if in == reflect.TypeFor[login.At]() {
		return reflect.ValueOf(login.At{Account: coretest.Account, Mount: &mount.Mount{Path: "auth/approle/", UUID: "u"}, Path: "auth/approle/there"})
	}
	if in == reflect.TypeFor[identity.Credential]() {
		return reflect.ValueOf(noClaim{})
	}
	v := reflect.New(in).Elem()
	if in == reflect.TypeFor[secret.Ref]() {
		v.Set(reflect.ValueOf(coretest.Ref("there")))
	} else if in == reflect.TypeFor[plain.Value]() {
		v.Set(reflect.ValueOf(plain.New([]byte("x"))))
	} else if in.Kind() == reflect.Struct {
		if f := v.FieldByName("Ref"); f.IsValid() && f.Type() == reflect.TypeFor[secret.Ref]() {
			f.Set(reflect.ValueOf(coretest.Ref("there")))
		}
	}
	return v
}
