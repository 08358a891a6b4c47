"""The texts the admin writes, without a server."""

import stat

import pytest

from portal_bus_admin import ADMIN, OPERATOR, create_keys, identities, nats_server_config
from portal_bus_admin.permissions import permissions_of
from portal_contracts.message import Message, ServiceQuery
from portal_contracts.topology import SERVICES, ServiceTopology


class Secret(Message):
    value: int


class ReadSecret(ServiceQuery[Secret]):
    subject = "vault.secret.read.v1"


def test_keys_are_made_once_and_only_their_owner_may_read_them(tmp_path):
    first = create_keys(tmp_path)
    assert set(first) == {*SERVICES, ADMIN, OPERATOR} == set(identities())
    assert all(key.startswith("U") for key in first.values())
    assert create_keys(tmp_path) == first
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_each_identity_is_one_nkey_user_and_no_seed_is_in_the_text(tmp_path):
    keys = create_keys(tmp_path)
    text = nats_server_config(keys, port=4222, store_dir="/var/lib/nats", sync_interval="always")
    assert all(text.count(key) == 1 for key in keys.values())
    assert 'sync_interval: "always"' in text
    for path in tmp_path.iterdir():
        assert path.read_text() not in text


def test_a_gateway_that_asks_a_service_message_is_refused():
    services = {"gateway": ServiceTopology("gateway", asks=(ReadSecret,), database=False)}
    with pytest.raises(ValueError, match="service message"):
        permissions_of("gateway", services)


def test_a_service_that_may_publish_nothing_is_denied_everything():
    services = {"idle": ServiceTopology("idle", database=False)}
    text = nats_server_config({"idle": "UIDLE"}, port=4222, store_dir="x", services=services)
    assert 'publish: { deny: [">"] }' in text


def test_nobody_but_the_admin_may_create_consumers_or_touch_streams():
    for name in identities():
        if name == ADMIN:
            continue
        for subject in permissions_of(name).publish:
            assert not subject.startswith(
                ("$JS.API.CONSUMER.CREATE", "$JS.API.CONSUMER.DURABLE", "$JS.API.STREAM.CREATE")
            )
            assert ".DELETE." not in subject
            assert ".PURGE." not in subject
