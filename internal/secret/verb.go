package secret

// Verb is the name of an operation. Every method of core has exactly one, of
// the same name.
type Verb uint8

// The verbs.
const (
	_ Verb = iota
	Authenticate
	CreateSecret
	GetValue
	BatchGetValue
	PutValue
	UpdateSecret
	MoveLabel
	DescribeSecret
	ListSecrets
	ListVersions
	DeleteSecret
	RestoreSecret
	TagSecret
	UntagSecret
	PutResourcePolicy
	GetResourcePolicy
	DeleteResourcePolicy
	ValidateResourcePolicy
	RandomPassword
	PurgeDeleted
	RecordAccess
	RecordKeyUse
	CreateCredential
	RotateKeyring
	ReadAudit
	Backup
	WhoCan
	SuggestPolicy
	RotateSecret
	CancelRotation
	RetryRotation
	ClaimRotations
	SettleRotation
	ReleaseRotations
	RescheduleRotations
	RegisterFunction
	ListFunctions
	DeleteFunction
	InvokeFunction
	InstallAccessKey
	WatchEvents
	ReadEvents
	ReplicateSecret
	RemoveReplicas
	StopReplication
	RegisterWebhook
	ListWebhooks
	DeleteWebhook
	OpenWebhooks
	SettleWebhook
	ActAs

	// Of Vault's protocol, or of both.
	PatchValue
	DeleteVersions
	DeleteLatest
	UndeleteVersions
	DestroyVersions
	UpdateMetadata
	ReadSubkeys
	ListFolder
	ScanFolder
	CopySecret
	Login
	GenerateSecretID
	LookupSecretID
	DestroySecretID
	CreateToken
	LookupToken
	RenewToken
	RevokeToken
	SpendToken
	ListTokens
	TidyTokens
	CheckCapabilities
	ReadSetting
	ListSettings
	WriteSetting
	DeleteSetting
	EnableMount
	DisableMount
	MoveMount
	ReadCubbyhole
	ListCubbyhole
	WriteCubbyhole
	DeleteCubbyhole
	WrapResponse
	UnwrapResponse
	LookupWrapping
	RewrapResponse
	UsePath
	CreateKey
	DeleteKey
	EncryptData
	DecryptData
	RewrapData
	GenerateDataKey
	SignData
	VerifyData
	MACData
	RotateKey
	ExportKey
	BackupKey
	RestoreKey
	TrimKey
	SealServer
	UnsealServer

	// Of IAM, by their names there.
	CreateUser
	UpdateUser
	DeleteUser
	TagUser
	UntagUser
	CreateAccessKey
	UpdateAccessKey
	DeleteAccessKey
	PutUserPolicy
	DeleteUserPolicy
	AttachUserPolicy
	DetachUserPolicy
	PutUserPermissionsBoundary
	DeleteUserPermissionsBoundary
	CreateGroup
	DeleteGroup
	AddUserToGroup
	RemoveUserFromGroup
	PutGroupPolicy
	DeleteGroupPolicy
	AttachGroupPolicy
	DetachGroupPolicy
	CreateRole
	UpdateRole
	UpdateAssumeRolePolicy
	DeleteRole
	TagRole
	UntagRole
	PutRolePolicy
	DeleteRolePolicy
	AttachRolePolicy
	DetachRolePolicy
	PutRolePermissionsBoundary
	DeleteRolePermissionsBoundary
	CreatePolicy
	DeletePolicy
	CreatePolicyVersion
	DeletePolicyVersion
	SetDefaultPolicyVersion
	TagPolicy
	UntagPolicy
	GetUser
	ListUsers
	ListUserTags
	ListAccessKeys
	GetAccessKeyLastUsed
	GetUserPolicy
	ListUserPolicies
	ListAttachedUserPolicies
	ListGroupsForUser
	ListMFADevices
	ListSSHPublicKeys
	ListServiceSpecificCredentials
	ListSigningCertificates
	ListVirtualMFADevices
	GetLoginProfile
	DeleteLoginProfile
	GetGroup
	ListGroups
	GetGroupPolicy
	ListGroupPolicies
	ListAttachedGroupPolicies
	GetRole
	ListRoles
	ListRoleTags
	GetRolePolicy
	ListRolePolicies
	ListAttachedRolePolicies
	ListInstanceProfilesForRole
	GetPolicy
	ListPolicies
	GetPolicyVersion
	ListPolicyVersions
	ListEntitiesForPolicy
	ListPolicyTags
	SimulatePrincipalPolicy
	SimulateCustomPolicy
	CreateOpenIDConnectProvider
	DeleteOpenIDConnectProvider
	AddClientIDToOpenIDConnectProvider
	RemoveClientIDFromOpenIDConnectProvider
	UpdateOpenIDConnectProviderThumbprint
	TagOpenIDConnectProvider
	UntagOpenIDConnectProvider
	GetOpenIDConnectProvider
	ListOpenIDConnectProviders

	// Of STS.
	GetCallerIdentity
	AssumeRole
	GetSessionToken
	GetAccessKeyInfo
	TagSession
	SetSourceIdentity
	AssumeRoleWithWebIdentity
	verbs
)

// traits say how the gate treats a verb.
type traits struct {
	name   string
	writes bool // needs a write transaction
	quiet  bool // a success is recorded by the operation that follows, a failure here
}

var table = [verbs]traits{
	Authenticate:            {name: "Authenticate", quiet: true},
	CreateSecret:            {name: "CreateSecret", writes: true},
	GetValue:                {name: "GetValue"},
	BatchGetValue:           {name: "BatchGetValue"},
	PutValue:                {name: "PutValue", writes: true},
	UpdateSecret:            {name: "UpdateSecret", writes: true},
	MoveLabel:               {name: "MoveLabel", writes: true},
	DescribeSecret:          {name: "DescribeSecret"},
	ListSecrets:             {name: "ListSecrets"},
	ListVersions:            {name: "ListVersions"},
	DeleteSecret:            {name: "DeleteSecret", writes: true},
	RestoreSecret:           {name: "RestoreSecret", writes: true},
	TagSecret:               {name: "TagSecret", writes: true},
	UntagSecret:             {name: "UntagSecret", writes: true},
	PutResourcePolicy:       {name: "PutResourcePolicy", writes: true},
	GetResourcePolicy:       {name: "GetResourcePolicy"},
	DeleteResourcePolicy:    {name: "DeleteResourcePolicy", writes: true},
	ValidateResourcePolicy:  {name: "ValidateResourcePolicy"},
	RandomPassword:          {name: "RandomPassword"},
	PurgeDeleted:            {name: "PurgeDeleted", writes: true},
	RecordAccess:            {name: "RecordAccess", writes: true},
	RecordKeyUse:            {name: "RecordKeyUse", writes: true},
	CreateCredential:        {name: "CreateCredential", writes: true},
	RotateKeyring:           {name: "RotateKeyring", writes: true},
	ReadAudit:               {name: "ReadAudit"},
	Backup:                  {name: "Backup"},
	WhoCan:                  {name: "WhoCan"},
	SuggestPolicy:           {name: "SuggestPolicy"},
	RotateSecret:            {name: "RotateSecret", writes: true},
	CancelRotation:          {name: "CancelRotation", writes: true},
	RetryRotation:           {name: "RetryRotation", writes: true},
	ClaimRotations:          {name: "ClaimRotations", writes: true},
	SettleRotation:          {name: "SettleRotation", writes: true},
	ReleaseRotations:        {name: "ReleaseRotations", writes: true},
	RescheduleRotations:     {name: "RescheduleRotations", writes: true},
	RegisterFunction:        {name: "RegisterFunction", writes: true},
	ListFunctions:           {name: "ListFunctions"},
	DeleteFunction:          {name: "DeleteFunction", writes: true},
	WatchEvents:             {name: "WatchEvents"},
	RegisterWebhook:         {name: "RegisterWebhook", writes: true},
	ListWebhooks:            {name: "ListWebhooks"},
	DeleteWebhook:           {name: "DeleteWebhook", writes: true},
	OpenWebhooks:            {name: "OpenWebhooks"},
	SettleWebhook:           {name: "SettleWebhook", writes: true},
	ActAs:                   {name: "ActAs", quiet: true},
	ReplicateSecret:         {name: "ReplicateSecret", writes: true},
	RemoveReplicas:          {name: "RemoveReplicas", writes: true},
	StopReplication:         {name: "StopReplication", writes: true},
	ReadEvents:              {name: "ReadEvents", quiet: true},
	InstallAccessKey:        {name: "InstallAccessKey", writes: true},
	InvokeFunction:          {name: "InvokeFunction"},
	PatchValue:              {name: "PatchValue", writes: true},
	DeleteVersions:          {name: "DeleteVersions", writes: true},
	DeleteLatest:            {name: "DeleteLatest", writes: true},
	UndeleteVersions:        {name: "UndeleteVersions", writes: true},
	DestroyVersions:         {name: "DestroyVersions", writes: true},
	UpdateMetadata:          {name: "UpdateMetadata", writes: true},
	ReadSubkeys:             {name: "ReadSubkeys"},
	ListFolder:              {name: "ListFolder"},
	ScanFolder:              {name: "ScanFolder"},
	CopySecret:              {name: "CopySecret", writes: true},
	Login:                   {name: "Login", writes: true},
	GenerateSecretID:        {name: "GenerateSecretID", writes: true},
	LookupSecretID:          {name: "LookupSecretID"},
	DestroySecretID:         {name: "DestroySecretID", writes: true},
	CreateToken:             {name: "CreateToken", writes: true},
	LookupToken:             {name: "LookupToken"},
	RenewToken:              {name: "RenewToken", writes: true},
	RevokeToken:             {name: "RevokeToken", writes: true},
	SpendToken:              {name: "SpendToken", writes: true},
	ListTokens:              {name: "ListTokens"},
	TidyTokens:              {name: "TidyTokens", writes: true},
	CheckCapabilities:       {name: "CheckCapabilities"},
	ReadSetting:             {name: "ReadSetting"},
	ListSettings:            {name: "ListSettings"},
	WriteSetting:            {name: "WriteSetting", writes: true},
	DeleteSetting:           {name: "DeleteSetting", writes: true},
	EnableMount:             {name: "EnableMount", writes: true},
	DisableMount:            {name: "DisableMount", writes: true},
	MoveMount:               {name: "MoveMount", writes: true},
	ReadCubbyhole:           {name: "ReadCubbyhole"},
	ListCubbyhole:           {name: "ListCubbyhole"},
	WriteCubbyhole:          {name: "WriteCubbyhole", writes: true},
	DeleteCubbyhole:         {name: "DeleteCubbyhole", writes: true},
	WrapResponse:            {name: "WrapResponse", writes: true},
	UnwrapResponse:          {name: "UnwrapResponse", writes: true},
	LookupWrapping:          {name: "LookupWrapping"},
	RewrapResponse:          {name: "RewrapResponse", writes: true},
	UsePath:                 {name: "UsePath"},
	CreateKey:               {name: "CreateKey", writes: true},
	DeleteKey:               {name: "DeleteKey", writes: true},
	EncryptData:             {name: "EncryptData"},
	DecryptData:             {name: "DecryptData"},
	RewrapData:              {name: "RewrapData"},
	GenerateDataKey:         {name: "GenerateDataKey"},
	SignData:                {name: "SignData"},
	VerifyData:              {name: "VerifyData"},
	MACData:                 {name: "MACData"},
	RotateKey:               {name: "RotateKey", writes: true},
	ExportKey:               {name: "ExportKey"},
	BackupKey:               {name: "BackupKey"},
	RestoreKey:              {name: "RestoreKey", writes: true},
	TrimKey:                 {name: "TrimKey", writes: true},
	SealServer:              {name: "SealServer"},
	UnsealServer:            {name: "UnsealServer"},
	SimulatePrincipalPolicy: {name: "SimulatePrincipalPolicy"},
	SimulateCustomPolicy:    {name: "SimulateCustomPolicy"},

	CreateUser:                              {name: "CreateUser", writes: true},
	UpdateUser:                              {name: "UpdateUser", writes: true},
	DeleteUser:                              {name: "DeleteUser", writes: true},
	TagUser:                                 {name: "TagUser", writes: true},
	UntagUser:                               {name: "UntagUser", writes: true},
	CreateAccessKey:                         {name: "CreateAccessKey", writes: true},
	UpdateAccessKey:                         {name: "UpdateAccessKey", writes: true},
	DeleteAccessKey:                         {name: "DeleteAccessKey", writes: true},
	PutUserPolicy:                           {name: "PutUserPolicy", writes: true},
	DeleteUserPolicy:                        {name: "DeleteUserPolicy", writes: true},
	AttachUserPolicy:                        {name: "AttachUserPolicy", writes: true},
	DetachUserPolicy:                        {name: "DetachUserPolicy", writes: true},
	PutUserPermissionsBoundary:              {name: "PutUserPermissionsBoundary", writes: true},
	DeleteUserPermissionsBoundary:           {name: "DeleteUserPermissionsBoundary", writes: true},
	CreateGroup:                             {name: "CreateGroup", writes: true},
	DeleteGroup:                             {name: "DeleteGroup", writes: true},
	AddUserToGroup:                          {name: "AddUserToGroup", writes: true},
	RemoveUserFromGroup:                     {name: "RemoveUserFromGroup", writes: true},
	PutGroupPolicy:                          {name: "PutGroupPolicy", writes: true},
	DeleteGroupPolicy:                       {name: "DeleteGroupPolicy", writes: true},
	AttachGroupPolicy:                       {name: "AttachGroupPolicy", writes: true},
	DetachGroupPolicy:                       {name: "DetachGroupPolicy", writes: true},
	CreateRole:                              {name: "CreateRole", writes: true},
	UpdateRole:                              {name: "UpdateRole", writes: true},
	UpdateAssumeRolePolicy:                  {name: "UpdateAssumeRolePolicy", writes: true},
	DeleteRole:                              {name: "DeleteRole", writes: true},
	TagRole:                                 {name: "TagRole", writes: true},
	UntagRole:                               {name: "UntagRole", writes: true},
	PutRolePolicy:                           {name: "PutRolePolicy", writes: true},
	DeleteRolePolicy:                        {name: "DeleteRolePolicy", writes: true},
	AttachRolePolicy:                        {name: "AttachRolePolicy", writes: true},
	DetachRolePolicy:                        {name: "DetachRolePolicy", writes: true},
	PutRolePermissionsBoundary:              {name: "PutRolePermissionsBoundary", writes: true},
	DeleteRolePermissionsBoundary:           {name: "DeleteRolePermissionsBoundary", writes: true},
	CreatePolicy:                            {name: "CreatePolicy", writes: true},
	DeletePolicy:                            {name: "DeletePolicy", writes: true},
	CreatePolicyVersion:                     {name: "CreatePolicyVersion", writes: true},
	DeletePolicyVersion:                     {name: "DeletePolicyVersion", writes: true},
	SetDefaultPolicyVersion:                 {name: "SetDefaultPolicyVersion", writes: true},
	TagPolicy:                               {name: "TagPolicy", writes: true},
	UntagPolicy:                             {name: "UntagPolicy", writes: true},
	GetUser:                                 {name: "GetUser"},
	ListUsers:                               {name: "ListUsers"},
	ListUserTags:                            {name: "ListUserTags"},
	ListAccessKeys:                          {name: "ListAccessKeys"},
	GetAccessKeyLastUsed:                    {name: "GetAccessKeyLastUsed"},
	GetUserPolicy:                           {name: "GetUserPolicy"},
	ListUserPolicies:                        {name: "ListUserPolicies"},
	ListAttachedUserPolicies:                {name: "ListAttachedUserPolicies"},
	ListGroupsForUser:                       {name: "ListGroupsForUser"},
	GetGroup:                                {name: "GetGroup"},
	ListGroups:                              {name: "ListGroups"},
	GetGroupPolicy:                          {name: "GetGroupPolicy"},
	ListGroupPolicies:                       {name: "ListGroupPolicies"},
	ListAttachedGroupPolicies:               {name: "ListAttachedGroupPolicies"},
	GetRole:                                 {name: "GetRole"},
	ListRoles:                               {name: "ListRoles"},
	ListRoleTags:                            {name: "ListRoleTags"},
	GetRolePolicy:                           {name: "GetRolePolicy"},
	ListRolePolicies:                        {name: "ListRolePolicies"},
	ListAttachedRolePolicies:                {name: "ListAttachedRolePolicies"},
	ListMFADevices:                          {name: "ListMFADevices"},
	ListSSHPublicKeys:                       {name: "ListSSHPublicKeys"},
	ListServiceSpecificCredentials:          {name: "ListServiceSpecificCredentials"},
	ListVirtualMFADevices:                   {name: "ListVirtualMFADevices"},
	ListSigningCertificates:                 {name: "ListSigningCertificates"},
	GetLoginProfile:                         {name: "GetLoginProfile"},
	DeleteLoginProfile:                      {name: "DeleteLoginProfile"},
	ListInstanceProfilesForRole:             {name: "ListInstanceProfilesForRole"},
	GetPolicy:                               {name: "GetPolicy"},
	ListPolicies:                            {name: "ListPolicies"},
	GetPolicyVersion:                        {name: "GetPolicyVersion"},
	ListPolicyVersions:                      {name: "ListPolicyVersions"},
	ListEntitiesForPolicy:                   {name: "ListEntitiesForPolicy"},
	ListPolicyTags:                          {name: "ListPolicyTags"},
	GetCallerIdentity:                       {name: "GetCallerIdentity"},
	AssumeRole:                              {name: "AssumeRole"},
	GetSessionToken:                         {name: "GetSessionToken"},
	SetSourceIdentity:                       {name: "SetSourceIdentity"},
	TagSession:                              {name: "TagSession"},
	AssumeRoleWithWebIdentity:               {name: "AssumeRoleWithWebIdentity"},
	CreateOpenIDConnectProvider:             {name: "CreateOpenIDConnectProvider", writes: true},
	DeleteOpenIDConnectProvider:             {name: "DeleteOpenIDConnectProvider", writes: true},
	AddClientIDToOpenIDConnectProvider:      {name: "AddClientIDToOpenIDConnectProvider", writes: true},
	RemoveClientIDFromOpenIDConnectProvider: {name: "RemoveClientIDFromOpenIDConnectProvider", writes: true},
	UpdateOpenIDConnectProviderThumbprint:   {name: "UpdateOpenIDConnectProviderThumbprint", writes: true},
	TagOpenIDConnectProvider:                {name: "TagOpenIDConnectProvider", writes: true},
	UntagOpenIDConnectProvider:              {name: "UntagOpenIDConnectProvider", writes: true},
	GetOpenIDConnectProvider:                {name: "GetOpenIDConnectProvider"},
	ListOpenIDConnectProviders:              {name: "ListOpenIDConnectProviders"},
	GetAccessKeyInfo:                        {name: "GetAccessKeyInfo"},
}

// Verbs lists every verb.
func Verbs() []Verb {
	var all []Verb
	for v := range verbs {
		if table[v].name != "" {
			all = append(all, v)
		}
	}
	return all
}

// String is the verb's name in the audit log.
func (v Verb) String() string {
	if v < verbs && table[v].name != "" {
		return table[v].name
	}
	return "Unknown"
}

// Writes reports whether the verb changes the store.
func (v Verb) Writes() bool { return v < verbs && table[v].writes }

// Quiet reports whether only failures of the verb are recorded: a successful
// authentication shows in the record of the operation it was for.
func (v Verb) Quiet() bool { return v < verbs && table[v].quiet }
