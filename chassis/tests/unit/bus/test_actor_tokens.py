"""Portal-Actor tokens: two keys at a time, verified once, never trusted after their end (architecture §4)."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from portal_chassis.actor import ISSUER, Actor, ActorVerifier, sign_actor
from portal_chassis.testing import operator_actor
from portal_contracts.problems import Misconfigured

ACTOR = Actor(
    user_id="7b6f5c7e-0000-4000-8000-000000000001",
    whmcs_client_id=42,
    account_id="001000000000001AAA",
    roles=("customer", "owner"),
    session_id="session-example",
    authenticated_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    locale="ja",
)


class CountingVerifier(ActorVerifier):
    """Counts how often a signature was really checked."""

    checked = 0

    def _read(self, token):
        self.checked += 1
        return super()._read(token)


def keys_file(path, **keys):
    path.write_text(
        json.dumps(
            {
                name: base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
                for name, key in keys.items()
            }
        )
    )
    return path


def test_what_identity_signed_is_what_a_service_reads():
    key = Ed25519PrivateKey.generate()
    assert ActorVerifier({"k1": key.public_key()}).verify(sign_actor(key, "k1", ACTOR)) == ACTOR


def test_an_operators_token_names_the_operator_and_no_customer():
    """R276: an operator is nobody's customer, so a token that says both is worth nothing."""
    key = Ed25519PrivateKey.generate()
    verifier = ActorVerifier({"k1": key.public_key()})
    operator = operator_actor("tech-lead@staff.example")
    assert verifier.verify(sign_actor(key, "k1", operator)) == operator
    for both in (replace(operator, whmcs_client_id=42), replace(operator, account_id="001000000000001AAA")):
        with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
            verifier.verify(sign_actor(key, "k1", both))


def test_a_token_is_verified_once_and_then_remembered():
    key = Ed25519PrivateKey.generate()
    verifier = CountingVerifier({"k1": key.public_key()})
    tokens = [sign_actor(key, "k1", ACTOR, lifetime=100 + number) for number in range(3)]
    for _ in range(5):
        for token in tokens:
            assert verifier.verify(token) == ACTOR
    assert verifier.checked == 3


def test_what_is_remembered_is_bounded():
    key = Ed25519PrivateKey.generate()
    verifier = CountingVerifier({"k1": key.public_key()}, remembered=4)
    tokens = [sign_actor(key, "k1", ACTOR, lifetime=100 + number) for number in range(20)]
    for token in tokens:
        verifier.verify(token)
        assert len(verifier._verified) <= 4
    verifier.verify(tokens[-1])
    assert verifier.checked == 20


def test_two_keys_are_good_during_a_rotation_and_a_third_is_not():
    old, new, foreign = (Ed25519PrivateKey.generate() for _ in range(3))
    verifier = ActorVerifier({"old": old.public_key(), "new": new.public_key()})
    assert verifier.verify(sign_actor(old, "old", ACTOR)) == ACTOR
    assert verifier.verify(sign_actor(new, "new", ACTOR)) == ACTOR
    for key, key_id in ((foreign, "foreign"), (foreign, "new"), (old, "new")):
        with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
            verifier.verify(sign_actor(key, key_id, ACTOR))


def test_an_unknown_key_makes_the_file_be_read_again(tmp_path):
    old, new = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    path = keys_file(tmp_path / "keys.json", old=old)
    verifier = ActorVerifier.from_file(path)
    keys_file(path, old=old, new=new)
    assert verifier.verify(sign_actor(new, "new", ACTOR)) == ACTOR


def test_an_expired_token_is_refused_also_when_it_was_remembered():
    key = Ed25519PrivateKey.generate()
    verifier = ActorVerifier({"k1": key.public_key()})
    with pytest.raises(Misconfigured) as caught:
        verifier.verify(sign_actor(key, "k1", ACTOR, lifetime=-10))
    assert caught.value.facts == {"reason": "expired"}
    token = sign_actor(key, "k1", ACTOR)
    verifier.verify(token)
    verifier._verified[token] = (ACTOR, 0.0)
    with pytest.raises(Misconfigured) as caught:
        verifier.verify(token)
    assert caught.value.facts == {"reason": "expired"}


@pytest.mark.parametrize("token", ["", "a.b.c", "nonsense", "eyJhbGciOiJub25lIn0.e30.", "é"])
def test_nonsense_is_refused(token):
    verifier = ActorVerifier({"k1": Ed25519PrivateKey.generate().public_key()})
    with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
        verifier.verify(token)


@pytest.mark.parametrize("change", [{"iss": "somebody"}, {"sub": None}, {"exp": None}, {"roles": 5}, {"whmcs": "x"}])
def test_a_token_with_wrong_claims_is_refused_although_its_signature_is_good(change):
    key = Ed25519PrivateKey.generate()
    claims = jwt.decode(sign_actor(key, "k1", ACTOR), options={"verify_signature": False})
    assert claims["iss"] == ISSUER
    claims.update(change)
    claims = {name: value for name, value in claims.items() if value is not None}
    token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "k1"})
    with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
        ActorVerifier({"k1": key.public_key()}).verify(token)


def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused():
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    claims = jwt.decode(sign_actor(key, "k1", ACTOR), options={"verify_signature": False})
    token = jwt.encode(claims, raw, algorithm="HS256", headers={"kid": "k1"})
    with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
        ActorVerifier({"k1": key.public_key()}).verify(token)


@pytest.mark.parametrize("content", ["", "[]", '{"k1": "AAAA"}', "no json"])
def test_an_unreadable_key_file_says_so(tmp_path, content):
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(Misconfigured) as caught:
        ActorVerifier.from_file(path)
    assert caught.value.facts == {"reason": "keys_unreadable", "file": "keys.json"}
