# The story of a program that uses hvac, as Debian has it.
import os
import hvac

address = os.environ["VAULT_ADDR"]
client = hvac.Client(url=address, token=os.environ["VAULT_TOKEN"])
assert client.is_authenticated()
assert client.sys.is_initialized() and not client.sys.is_sealed()
assert client.sys.read_health_status(method="GET")["initialized"]

read = client.secrets.kv.v2.read_secret_version(path="prod/myapp/database")
assert read["data"]["data"]["DB_PASSWORD"] == "correct-horse-battery-staple"

client.sys.enable_secrets_engine("kv", path="py", options={"version": "2"})
kv = client.secrets.kv.v2
kv.configure(max_versions=7, mount_point="py")
assert kv.read_configuration(mount_point="py")["data"]["max_versions"] == 7
kv.create_or_update_secret("a/b", {"x": "1"}, mount_point="py")
kv.create_or_update_secret("a/b", {"x": "2"}, cas=1, mount_point="py")
try:
    kv.create_or_update_secret("a/b", {"x": "3"}, cas=1, mount_point="py")
    raise SystemExit("a wrong cas was taken")
except hvac.exceptions.InvalidRequest as e:
    assert "check-and-set parameter did not match" in str(e), e
kv.patch("a/b", {"y": "z"}, mount_point="py")
assert kv.read_secret_version("a/b", mount_point="py")["data"]["data"] == {"x": "2", "y": "z"}
assert kv.read_secret_version("a/b", version=1, mount_point="py")["data"]["data"] == {"x": "1"}
kv.delete_latest_version_of_secret("a/b", mount_point="py")
try:
    kv.read_secret_version("a/b", mount_point="py")
    raise SystemExit("a deleted version was shown")
except hvac.exceptions.InvalidPath:
    pass
kv.undelete_secret_versions("a/b", [3], mount_point="py")
kv.destroy_secret_versions("a/b", [1], mount_point="py")
kv.update_metadata("a/b", max_versions=5, mount_point="py")
meta = kv.read_secret_metadata("a/b", mount_point="py")["data"]
assert meta["current_version"] == 3 and meta["versions"]["1"]["destroyed"] and meta["max_versions"] == 5, meta
assert kv.list_secrets("a", mount_point="py")["data"]["keys"] == ["b"]
kv.delete_metadata_and_all_versions("a/b", mount_point="py")
client.sys.tune_mount_configuration("py", default_lease_ttl="3600s")
assert client.sys.read_mount_configuration("py")["data"]["default_lease_ttl"] == 3600

client.sys.create_or_update_policy("py", 'path "secret/data/py/*" { capabilities=["create","read","update"] }')
assert "py" in client.sys.list_policies()["data"]["policies"]
assert "secret/data/py" in client.sys.read_policy("py")["data"]["rules"]


made = client.auth.token.create(policies=["py"], ttl="1h", meta={"k": "v"})["auth"]
mine = hvac.Client(url=address, token=made["client_token"])
mine.secrets.kv.v2.create_or_update_secret("py/own", {"a": "b"})
try:
    mine.secrets.kv.v2.read_secret_version("prod/myapp/database")
    raise SystemExit("it read what it may not")
except hvac.exceptions.Forbidden:
    pass
assert mine.auth.token.lookup_self()["data"]["meta"] == {"k": "v"}
assert mine.auth.token.renew_self(increment=60)["auth"]["lease_duration"] == 60
assert client.auth.token.lookup_accessor(made["accessor"])["data"]["policies"] == ["default", "py"]
client.auth.token.revoke(made["client_token"])
assert not mine.is_authenticated()

client.sys.enable_auth_method("approle", path="py-ar")
client.auth.approle.create_or_update_approle("r", token_policies=["py"], token_ttl="5m", mount_point="py-ar")
role = client.auth.approle.read_role_id("r", mount_point="py-ar")["data"]["role_id"]
secret = client.auth.approle.generate_secret_id("r", metadata={"k": "v"}, mount_point="py-ar")["data"]
login = hvac.Client(url=address).auth.approle.login(role, secret["secret_id"], mount_point="py-ar")
assert login["auth"]["metadata"]["role_name"] == "r" and login["auth"]["lease_duration"] == 300
assert client.auth.approle.list_secret_id_accessors("r", mount_point="py-ar")["data"]["keys"] == [secret["secret_id_accessor"]]
client.auth.approle.destroy_secret_id_accessor("r", secret["secret_id_accessor"], mount_point="py-ar")

client.sys.enable_auth_method("userpass", path="py-up")
client.auth.userpass.create_or_update_user("bob", password="pw", policies=["py"], mount_point="py-up")
assert client.auth.userpass.list_user(mount_point="py-up")["data"]["keys"] == ["bob"]
client.auth.userpass.update_password_on_user("bob", "pw2", mount_point="py-up")
assert hvac.Client(url=address).auth.userpass.login("bob", "pw2", mount_point="py-up")["auth"]["policies"] == ["default", "py"]

entity = client.secrets.identity.create_or_update_entity("py-bob", policies=["py"])["data"]["id"]
assert client.secrets.identity.read_entity(entity)["data"]["name"] == "py-bob"
client.secrets.identity.create_or_update_group("py-group", member_entity_ids=[entity])
assert client.secrets.identity.read_group_by_name("py-group")["data"]["member_entity_ids"] == [entity]

client.write("cubbyhole/py", a="b")
assert client.read("cubbyhole/py")["data"] == {"a": "b"}
assert client.list("cubbyhole")["data"]["keys"] == ["py"]
client.delete("cubbyhole/py")
assert client.read("cubbyhole/py") is None

wrapped = client.write("auth/py-ar/role/r/secret-id", wrap_ttl="60s")
opened = client.sys.unwrap(wrapped["wrap_info"]["token"])
assert opened["data"]["secret_id"]
for path in ("py-ar", "py-up"):
    client.sys.disable_auth_method(path)
client.sys.disable_secrets_engine("py")
