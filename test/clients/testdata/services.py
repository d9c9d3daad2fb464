"""Two services, each with a role that reads its own secrets and no others."""

import json
import os
import uuid

import boto3
from botocore.exceptions import ClientError

endpoint = os.environ["ENDPOINT"]
me = "boto3-" + uuid.uuid4().hex[:8]


def client(service, c=None):
    c = c or {}
    return boto3.client(service, endpoint_url=endpoint, aws_access_key_id=c.get("AccessKeyId"),
                        aws_secret_access_key=c.get("SecretAccessKey"), aws_session_token=c.get("SessionToken"))


def refused(code, text, call, **members):
    try:
        call(**members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert text in error.response["Error"]["Message"], error
        return
    raise AssertionError(f"{code} was due")


def document(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [dict(Effect="Allow", **statement)]})


iam, secrets = client("iam"), client("secretsmanager")
user = iam.create_user(UserName=me, Tags=[{"Key": "team", "Value": "red"}])["User"]
key = iam.create_access_key(UserName=me)["AccessKey"]
ann = client("sts", key)
assert ann.get_caller_identity()["UserId"] == user["UserId"]

own = {}
for service in ("orders", "billing"):
    name = f"{me}/{service}"
    arn = secrets.create_secret(Name=name + "/db", SecretString=service)["ARN"]
    role = iam.create_role(RoleName=f"{me}-{service}", AssumeRolePolicyDocument=document(
        Principal={"AWS": user["Arn"]}, Action=["sts:AssumeRole", "sts:TagSession"],
        Condition={"StringEquals": {"sts:ExternalId": "agreed"}}))["Role"]
    managed = iam.create_policy(PolicyName=f"{me}-{service}", PolicyDocument=document(
        Action="secretsmanager:GetSecretValue", Resource=arn[:-9] + "*"))["Policy"]
    iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=managed["Arn"])
    refused("AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: " + role["Arn"], ann.assume_role, RoleArn=role["Arn"], RoleSessionName="one")
    refused("AccessDenied", "sts:AssumeRole", ann.assume_role, RoleArn=role["Arn"], RoleSessionName="one", ExternalId="guessed")
    session = ann.assume_role(RoleArn=role["Arn"], RoleSessionName="one", ExternalId="agreed", Tags=[{"Key": "job", "Value": "7"}])
    own[service] = client("secretsmanager", session["Credentials"])
    assert own[service].get_secret_value(SecretId=arn)["SecretString"] == service

refused("AccessDeniedException", f"User: arn:aws:sts::000000000000:assumed-role/{me}-orders/one is not authorized to perform: secretsmanager:GetSecretValue"
        f" on resource: {me}/billing/db because no identity-based policy allows the secretsmanager:GetSecretValue action",
        own["orders"].get_secret_value, SecretId=me + "/billing/db")

# A session policy narrows what the role may.
role = f"arn:aws:iam::000000000000:role/{me}-orders"
narrow = ann.assume_role(RoleArn=role, RoleSessionName="two", ExternalId="agreed", Policy=document(Action="secretsmanager:ListSecrets", Resource="*"))
refused("AccessDeniedException", "because no session policy allows", client("secretsmanager", narrow["Credentials"]).get_secret_value, SecretId=me + "/orders/db")

# A secret's own policy lets the other role in, a deny keeps out whom others allow.
billing = {"AWS": f"arn:aws:iam::000000000000:role/{me}-billing"}
secrets.put_resource_policy(SecretId=me + "/orders/db", ResourcePolicy=document(Principal=billing, Action="secretsmanager:GetSecretValue", Resource="*"))
assert own["billing"].get_secret_value(SecretId=me + "/orders/db")["SecretString"] == "orders"
shown = secrets.get_resource_policy(SecretId=me + "/orders/db")["ResourcePolicy"]
assert '"Version" : "2012-10-17"' in shown and json.loads(shown)["Statement"][0]["Principal"] == billing, shown
secrets.put_resource_policy(SecretId=me + "/orders/db", ResourcePolicy=document(Principal=billing, Action="secretsmanager:GetSecretValue", Resource="*").replace("Allow", "Deny"))
refused("AccessDeniedException", "with an explicit deny in a resource-based policy", own["billing"].get_secret_value, SecretId=me + "/orders/db")
refused("MalformedPolicyDocumentException", "unsupported principal", secrets.put_resource_policy, SecretId=me + "/orders/db",
        ResourcePolicy=document(Principal={"AWS": "arn:aws:iam::000000000000:user/nobody"}, Action="secretsmanager:*", Resource="*"))
refused("PublicPolicyException", "grants Public access", secrets.put_resource_policy, SecretId=me + "/orders/db", BlockPublicPolicy=True,
        ResourcePolicy=document(Principal="*", Action="secretsmanager:GetSecretValue", Resource="*"))
refused("InvalidRequestException", "will not allow you to manage", secrets.put_resource_policy, SecretId=me + "/orders/db",
        ResourcePolicy=document(Principal="*", Action="secretsmanager:*", Resource="*").replace("Allow", "Deny"))
problems = secrets.validate_resource_policy(ResourcePolicy=document(Principal="*", Action="secretsmanager:*", Resource="*"))
assert not problems["PolicyValidationPassed"] and problems["ValidationErrors"][0]["CheckName"] == "BlockPublicPolicyCheck", problems
secrets.delete_resource_policy(SecretId=me + "/orders/db")
assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=me + "/orders/db")

# By tags: what is mine is what my team's tag is on.
iam.put_user_policy(UserName=me, PolicyName="own", PolicyDocument=document(Action="secretsmanager:*", Resource="*",
                    Condition={"StringEquals": {"secretsmanager:ResourceTag/team": "${aws:PrincipalTag/team}"}}))
mine = client("secretsmanager", key)
secrets.create_secret(Name=me + "/red", SecretString="r", Tags=[{"Key": "team", "Value": "red"}])
assert mine.get_secret_value(SecretId=me + "/red")["SecretString"] == "r"
refused("AccessDeniedException", "no identity-based policy", mine.get_secret_value, SecretId=me + "/orders/db")

# A boundary bounds; a key that is off is refused at once, and its sessions with it.
iam.put_user_permissions_boundary(UserName=me, PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
refused("AccessDeniedException", "because no permissions boundary allows", mine.get_secret_value, SecretId=me + "/red")
iam.update_access_key(UserName=me, AccessKeyId=key["AccessKeyId"], Status="Inactive")
refused("InvalidClientTokenId", "The security token included in the request is invalid.", ann.get_caller_identity)
refused("UnrecognizedClientException", "The security token included in the request is invalid.", own["orders"].get_secret_value, SecretId=me + "/orders/db")

# Deleting wants everything taken off first.
refused("DeleteConflict", "must delete policies first", iam.delete_user, UserName=me)
iam.delete_user_policy(UserName=me, PolicyName="own")
refused("DeleteConflict", "must delete access keys first", iam.delete_user, UserName=me)
iam.delete_access_key(UserName=me, AccessKeyId=key["AccessKeyId"])
iam.delete_user(UserName=me)
refused("NoSuchEntity", f"The user with name {me} cannot be found.", iam.get_user, UserName=me)
refused("MalformedPolicyDocument", "Syntax errors in policy. (line 1, column", iam.create_policy, PolicyName="x", PolicyDocument=document(Action="a:b", Resource="*").replace("Allow", "Maybe"))
refused("ValidationError", "1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint", iam.create_user, UserName="a b")
