"""A secret's life, told by boto3."""

import datetime
import os
import uuid

import boto3
from botocore.exceptions import ClientError

client = boto3.client("secretsmanager", endpoint_url=os.environ["ENDPOINT"])
name = "boto3/story-" + uuid.uuid4().hex


def refused(code, text, call, **members):
    try:
        call(**members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert text in error.response["Error"]["Message"], error
        assert len(error.response["ResponseMetadata"]["RequestId"]) == 36
        return
    raise AssertionError(f"{code} was due")


refused("ResourceNotFoundException", "can't find the specified secret.", client.get_secret_value, SecretId=name)
empty = client.create_secret(Name=name, Tags=[{"Key": "a", "Value": "b"}])
assert "VersionId" not in empty
assert "VersionIdsToStages" not in client.describe_secret(SecretId=name)
refused("ResourceNotFoundException", "staging label: AWSCURRENT", client.get_secret_value, SecretId=name)

token = str(uuid.uuid4())
first = client.put_secret_value(SecretId=name, SecretString="1", ClientRequestToken=token)
assert first["VersionId"] == token and first["VersionStages"] == ["AWSCURRENT"], first
again = client.put_secret_value(SecretId=name, SecretString="1", ClientRequestToken=token)
assert again["VersionId"] == token
refused("ResourceExistsException", f"You can't use ClientRequestToken {token}", client.put_secret_value,
        SecretId=name, SecretString="2", ClientRequestToken=token)
second = client.put_secret_value(SecretId=name, SecretString="2", VersionStages=["AWSPENDING"])["VersionId"]
assert client.get_secret_value(SecretId=name)["SecretString"] == "1"
refused("InvalidParameterException", "RemoveFromVersionId can't be empty", client.update_secret_version_stage,
        SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=second)
client.update_secret_version_stage(SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=token)
stages = client.describe_secret(SecretId=name)["VersionIdsToStages"]
assert stages == {token: ["AWSPREVIOUS"], second: ["AWSCURRENT", "AWSPENDING"]}, stages
refused("InvalidRequestException", "not associated to the provided VersionId", client.get_secret_value,
        SecretId=name, VersionId=token, VersionStage="AWSCURRENT")

client.put_secret_value(SecretId=name, SecretString="3")
shown = client.list_secret_version_ids(SecretId=name)["Versions"]
assert len(shown) == 2, shown
assert len(client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]) == 3

client.tag_resource(SecretId=name, Tags=[{"Key": "c", "Value": "d"}])
client.untag_resource(SecretId=name, TagKeys=["a", "c"])
assert client.describe_secret(SecretId=name)["Tags"] == []

day = client.describe_secret(SecretId=name)["LastAccessedDate"]
assert (day.astimezone(datetime.timezone.utc).hour, day.minute, day.second) == (0, 0, 0), day

deleted = client.delete_secret(SecretId=name)
left = deleted["DeletionDate"] - datetime.datetime.now(datetime.timezone.utc)
assert 29 <= left.days <= 30, left
assert "DeletedDate" in client.describe_secret(SecretId=name)
refused("InvalidRequestException", "already scheduled for deletion", client.create_secret, Name=name, SecretString="x")
refused("InvalidRequestException", "marked for deletion", client.put_secret_value, SecretId=name, SecretString="x")
assert name not in [s["Name"] for s in client.list_secrets()["SecretList"]]
client.restore_secret(SecretId=name)
assert client.get_secret_value(SecretId=name)["SecretString"] == "3"
refused("ValidationException", "Invalid name.", client.create_secret, Name="bad name!", SecretString="x")
refused("InvalidParameterException", "between 7 and 30", client.delete_secret, SecretId=name, RecoveryWindowInDays=3)
client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

assert len(client.get_random_password(PasswordLength=4)["RandomPassword"]) == 4
refused("InvalidParameterException", "too short based on the required types", client.get_random_password, PasswordLength=3)
