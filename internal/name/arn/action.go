package arn

import (
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// actions are the names that IAM policies know the verbs by. Strongroom's own
// operations, which AWS does not have, are under a prefix of their own; those
// of IAM have their own names there.
var actions = func() (all [256]string) {
	for _, v := range secret.Verbs() {
		switch {
		case v >= secret.GetCallerIdentity:
			all[v] = "sts:" + v.String()
		case v >= secret.CreateUser:
			all[v] = "iam:" + v.String()
		default:
			all[v] = renamed[v]
		}
	}
	return all
}()

var renamed = map[secret.Verb]string{
	secret.Authenticate:           "strongroom:Authenticate",
	secret.CreateSecret:           "secretsmanager:CreateSecret",
	secret.GetValue:               "secretsmanager:GetSecretValue",
	secret.BatchGetValue:          "secretsmanager:BatchGetSecretValue",
	secret.PutValue:               "secretsmanager:PutSecretValue",
	secret.UpdateSecret:           "secretsmanager:UpdateSecret",
	secret.MoveLabel:              "secretsmanager:UpdateSecretVersionStage",
	secret.DescribeSecret:         "secretsmanager:DescribeSecret",
	secret.ListSecrets:            "secretsmanager:ListSecrets",
	secret.ListVersions:           "secretsmanager:ListSecretVersionIds",
	secret.DeleteSecret:           "secretsmanager:DeleteSecret",
	secret.RestoreSecret:          "secretsmanager:RestoreSecret",
	secret.TagSecret:              "secretsmanager:TagResource",
	secret.UntagSecret:            "secretsmanager:UntagResource",
	secret.PutResourcePolicy:      "secretsmanager:PutResourcePolicy",
	secret.GetResourcePolicy:      "secretsmanager:GetResourcePolicy",
	secret.DeleteResourcePolicy:   "secretsmanager:DeleteResourcePolicy",
	secret.ValidateResourcePolicy: "secretsmanager:ValidateResourcePolicy",
	secret.RandomPassword:         "secretsmanager:GetRandomPassword",
	secret.PurgeDeleted:           "strongroom:PurgeDeleted",
	secret.RecordAccess:           "strongroom:RecordAccess",
	secret.RecordKeyUse:           "strongroom:RecordKeyUse",
	secret.CreateCredential:       "strongroom:CreateCredential",
	secret.RotateKeyring:          "strongroom:RotateKeyring",
	secret.ReadAudit:              "strongroom:ReadAudit",
	secret.Backup:                 "strongroom:Backup",
	secret.WhoCan:                 "strongroom:WhoCan",
	secret.SuggestPolicy:          "strongroom:SuggestPolicy",
	secret.RotateSecret:           "secretsmanager:RotateSecret",
	secret.CancelRotation:         "secretsmanager:CancelRotateSecret",
	secret.RetryRotation:          "strongroom:RetryRotation",
	secret.ClaimRotations:         "strongroom:ClaimRotations",
	secret.SettleRotation:         "strongroom:SettleRotation",
	secret.ReleaseRotations:       "strongroom:ReleaseRotations",
	secret.RescheduleRotations:    "strongroom:RescheduleRotations",
	secret.RegisterFunction:       "strongroom:RegisterFunction",
	secret.ListFunctions:          "strongroom:ListFunctions",
	secret.DeleteFunction:         "strongroom:DeleteFunction",
	secret.RegisterWebhook:        "strongroom:RegisterWebhook",
	secret.ListWebhooks:           "strongroom:ListWebhooks",
	secret.DeleteWebhook:          "strongroom:DeleteWebhook",
	secret.OpenWebhooks:           "strongroom:OpenWebhooks",
	secret.SettleWebhook:          "strongroom:SettleWebhook",
	secret.ActAs:                  "strongroom:ActAs",
	secret.ReplicateSecret:        "secretsmanager:ReplicateSecretToRegions",
	secret.RemoveReplicas:         "secretsmanager:RemoveRegionsFromReplication",
	secret.StopReplication:        "secretsmanager:StopReplicationToReplica",
	secret.WatchEvents:            "strongroom:WatchEvents",
	secret.ReadEvents:             "strongroom:ReadEvents",
	secret.InstallAccessKey:       "strongroom:InstallAccessKey",
	secret.InvokeFunction:         "lambda:InvokeFunction",
	secret.PatchValue:             "strongroom:PatchValue",
	secret.DeleteVersions:         "strongroom:DeleteVersions",
	secret.DeleteLatest:           "strongroom:DeleteLatest",
	secret.UndeleteVersions:       "strongroom:UndeleteVersions",
	secret.DestroyVersions:        "strongroom:DestroyVersions",
	secret.UpdateMetadata:         "strongroom:UpdateMetadata",
	secret.ReadSubkeys:            "strongroom:ReadSubkeys",
	secret.ListFolder:             "strongroom:ListFolder",
	secret.ScanFolder:             "strongroom:ScanFolder",
	secret.CopySecret:             "strongroom:CopySecret",
	secret.Login:                  "strongroom:Login",
	secret.GenerateSecretID:       "strongroom:GenerateSecretID",
	secret.LookupSecretID:         "strongroom:LookupSecretID",
	secret.DestroySecretID:        "strongroom:DestroySecretID",
	secret.CreateToken:            "strongroom:CreateToken",
	secret.LookupToken:            "strongroom:LookupToken",
	secret.RenewToken:             "strongroom:RenewToken",
	secret.RevokeToken:            "strongroom:RevokeToken",
	secret.SpendToken:             "strongroom:SpendToken",
	secret.ListTokens:             "strongroom:ListTokens",
	secret.TidyTokens:             "strongroom:TidyTokens",
	secret.CheckCapabilities:      "strongroom:CheckCapabilities",
	secret.ReadSetting:            "strongroom:ReadSetting",
	secret.ListSettings:           "strongroom:ListSettings",
	secret.WriteSetting:           "strongroom:WriteSetting",
	secret.DeleteSetting:          "strongroom:DeleteSetting",
	secret.EnableMount:            "strongroom:EnableMount",
	secret.DisableMount:           "strongroom:DisableMount",
	secret.MoveMount:              "strongroom:MoveMount",
	secret.ReadCubbyhole:          "strongroom:ReadCubbyhole",
	secret.ListCubbyhole:          "strongroom:ListCubbyhole",
	secret.WriteCubbyhole:         "strongroom:WriteCubbyhole",
	secret.DeleteCubbyhole:        "strongroom:DeleteCubbyhole",
	secret.WrapResponse:           "strongroom:WrapResponse",
	secret.UnwrapResponse:         "strongroom:UnwrapResponse",
	secret.LookupWrapping:         "strongroom:LookupWrapping",
	secret.RewrapResponse:         "strongroom:RewrapResponse",
	secret.UsePath:                "strongroom:UsePath",
	secret.CreateKey:              "strongroom:CreateKey",
	secret.DeleteKey:              "strongroom:DeleteKey",
	secret.EncryptData:            "strongroom:EncryptData",
	secret.DecryptData:            "strongroom:DecryptData",
	secret.RewrapData:             "strongroom:RewrapData",
	secret.GenerateDataKey:        "strongroom:GenerateDataKey",
	secret.SignData:               "strongroom:SignData",
	secret.VerifyData:             "strongroom:VerifyData",
	secret.MACData:                "strongroom:MACData",
	secret.RotateKey:              "strongroom:RotateKey",
	secret.ExportKey:              "strongroom:ExportKey",
	secret.BackupKey:              "strongroom:BackupKey",
	secret.RestoreKey:             "strongroom:RestoreKey",
	secret.TrimKey:                "strongroom:TrimKey",
	secret.SealServer:             "strongroom:SealServer",
	secret.UnsealServer:           "strongroom:UnsealServer",
}

// Action is the verb's name in IAM policies.
func Action(v secret.Verb) string { return actions[v] }

// verbs are the verbs by their actions, in lower case.
var verbs = func() map[string]secret.Verb {
	all := map[string]secret.Verb{}
	for _, v := range secret.Verbs() {
		all[fold.Lower(actions[v])] = v
	}
	return all
}()

// Verb is the verb that an action names; zero if it is none of ours.
func Verb(action string) secret.Verb { return verbs[fold.Lower(action)] }
