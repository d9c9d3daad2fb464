"""A rotation function in the shape of those that AWS publishes, behind the
Invoke API of Lambda. What it rotates is a file with a password in it."""

import http.server
import json
import logging
import os
import sys

import boto3

logger = logging.getLogger()
PASSWORD_FILE = os.environ["PASSWORD_FILE"]


def lambda_handler(event, context):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    client = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])

    metadata = client.describe_secret(SecretId=arn)
    if "RotationEnabled" in metadata and not metadata["RotationEnabled"]:
        raise ValueError("Secret %s is not enabled for rotation" % arn)
    versions = metadata["VersionIdsToStages"]
    if token not in versions:
        raise ValueError("Secret version %s has no stage for rotation of secret %s." % (token, arn))
    if "AWSCURRENT" in versions[token]:
        return
    if "AWSPENDING" not in versions[token]:
        raise ValueError("Secret version %s not set as AWSPENDING for rotation of secret %s." % (token, arn))
    {"createSecret": create_secret, "setSecret": set_secret, "testSecret": test_secret, "finishSecret": finish_secret}[step](client, arn, token)


def value(client, arn, stage, token=None):
    versioned = {"VersionId": token} if token else {}
    return json.loads(client.get_secret_value(SecretId=arn, VersionStage=stage, **versioned)["SecretString"])


def create_secret(client, arn, token):
    current = value(client, arn, "AWSCURRENT")
    try:
        value(client, arn, "AWSPENDING", token)
    except client.exceptions.ResourceNotFoundException:
        current["password"] = client.get_random_password(ExcludeCharacters="/@\"'\\")["RandomPassword"]
        client.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(current), VersionStages=["AWSPENDING"])


def set_secret(client, arn, token):
    if os.path.exists(PASSWORD_FILE + ".broken"):
        raise ValueError("the password %s cannot be written" % value(client, arn, "AWSPENDING", token)["password"])
    with open(PASSWORD_FILE, "w") as f:
        f.write(value(client, arn, "AWSPENDING", token)["password"])


def test_secret(client, arn, token):
    with open(PASSWORD_FILE) as f:
        if f.read() != value(client, arn, "AWSPENDING", token)["password"]:
            raise ValueError("the password is not the pending one")


def finish_secret(client, arn, token):
    current = None
    for version, stages in client.describe_secret(SecretId=arn)["VersionIdsToStages"].items():
        if "AWSCURRENT" in stages:
            if version == token:
                return
            current = version
    client.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current)


class Invoke(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.path == "/2015-03-31/functions/SecretsManagerRDSMySQLRotationSingleUser/invocations", self.path
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            answer = lambda_handler(event, None)
        except Exception as e:  # as the emulator does: 200, and the error in the body
            answer = {"errorMessage": str(e), "errorType": type(e).__name__, "stackTrace": []}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Invoke).serve_forever()
