package core

import (
	"strconv"

	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// What an operation is given is what conditions of policies may ask of it, by
// the names that AWS gives it. What is not given has no value there, even
// where the operation then supposes one.
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html)

func givenVersion(id, label string) policy.Keys {
	if id == "" && label == "" {
		return nil // a read, as most are: no memory is taken
	}
	keys := policy.Facts{}
	keys.Set("secretsmanager:versionid", id)
	keys.Set("secretsmanager:versionstage", label)
	return keys
}

func (in *CreateSecretInput) given() policy.Keys {
	keys := policy.Facts{}
	keys.Set("secretsmanager:name", in.Name)
	keys.Set("secretsmanager:description", in.Description)
	keys.Set("secretsmanager:kmskeyid", in.KeyID)
	keys.Set("secretsmanager:type", in.Type)
	keys.SetTags(in.Tags)
	for name, value := range givenReplicas(in.Replicas, in.Overwrite) {
		keys[name] = value
	}
	return keys
}

func (in *UpdateSecretInput) given() policy.Keys {
	keys := policy.Facts{}
	for key, value := range map[string]*string{"description": in.Description, "kmskeyid": in.KeyID, "type": in.Type} {
		if value != nil {
			keys.Set("secretsmanager:"+key, *value)
		}
	}
	return keys
}

func (in *MoveLabelInput) given() policy.Keys {
	keys := policy.Facts{}
	keys.Set("secretsmanager:versionstage", in.Label)
	return keys
}

func (in *DeleteSecretInput) given() policy.Keys {
	keys := policy.Facts{}
	keys.SetBool("secretsmanager:forcedeletewithoutrecovery", in.Force)
	if in.Stated {
		keys.Set("secretsmanager:recoverywindowindays", strconv.Itoa(int(in.Window.Hours()/24)))
	}
	return keys
}

func (in *RotateSecretInput) given() policy.Keys {
	keys := policy.Facts{}
	keys.Set("secretsmanager:rotationlambdaarn", in.Function)
	keys.SetBool("secretsmanager:modifyrotationrules", in.Rules != nil)
	if in.Stated {
		keys.SetBool("secretsmanager:rotateimmediately", !in.Later)
	}
	return keys
}

func givenTags(tags []secret.Tag) policy.Keys {
	keys := policy.Facts{}
	keys.SetTags(tags)
	return keys
}

func givenTagKeys(names []string) policy.Keys {
	return policy.Facts{"aws:tagkeys": policy.Many(names)}
}
