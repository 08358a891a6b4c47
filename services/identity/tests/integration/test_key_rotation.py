"""The key of sealed rows is replaced: everything is sealed anew, so that the former key can go."""

from uuid import uuid4

import pytest

from portal_chassis.sealing import Seal
from portal_contracts.problems import Misconfigured
from portal_identity.seal_anew import COLUMNS, SealAnew, SealedAnew
from portal_identity.store_authenticators import Authenticators
from portal_identity.store_operators import Operators
from portal_identity.testing import form

FORMER, FRESH = b"k" * 32, b"n" * 32
SEALED_COLUMNS = """
SELECT table_name || '.' || column_name FROM information_schema.columns
WHERE table_schema = 'public' AND column_name LIKE 'sealed%'
"""
PUT_OPERATOR = """
INSERT INTO operator (id, email, comparable_email, roles, approved_by, granted_by, password_hash, sealed_seed)
VALUES ($1, $2, $2, '{operator_viewer}', 'lead', 'lead', 'hash', $3)
"""


@pytest.fixture
async def user_id(identity) -> str:
    """A customer whose second factor was set up under the former key, and who is about to change it."""
    token = await identity.request(form())
    await identity.confirm(token)
    user_id = str(await identity.database.fetchval("SELECT id FROM portal_user"))
    await identity.authenticators.put_pending(user_id, "OLDSEED")
    async with identity.database.transaction() as transaction:
        _, sealed = await identity.authenticators.pending(transaction, user_id)
        await identity.authenticators.confirm(transaction, user_id, sealed, 1)
    await identity.authenticators.put_pending(user_id, "NEWSEED")
    return user_id


async def test_every_sealed_column_is_known(identity) -> None:
    found = {row[0] for row in await identity.database.fetch(SEALED_COLUMNS)}
    assert {f"{one.table}.{one.column}" for one in COLUMNS} == found


async def test_after_the_rotation_the_former_key_can_go(identity, user_id) -> None:
    await identity.request(form(email="jiro@example.jp"), "request-0002")
    operator = uuid4()
    sealed = Seal(FORMER).close("OPERATORSEED", record=f"operator {operator}")
    await identity.database.execute(PUT_OPERATOR, operator, "lead@example.jp", sealed)
    fresh = Authenticators(identity.database, Seal(FRESH))
    with pytest.raises(Misconfigured):
        await fresh.of(user_id)
    rotation = SealAnew(identity.database, Seal(FRESH, FORMER))
    assert await rotation() == SealedAnew(done=4)  # two seeds of the customer, the operator's, the form that waits
    assert await fresh.of(user_id) == "OLDSEED"
    async with identity.database.transaction() as transaction:
        assert (await fresh.pending(transaction, user_id))[0] == "NEWSEED"
    assert (await Operators(identity.database, Seal(FRESH)).by_email("lead@example.jp")).seed == "OPERATORSEED"
    assert await rotation() == SealedAnew()


async def test_what_no_key_opens_is_told_and_left(identity, user_id) -> None:
    other = SealAnew(identity.database, Seal(FRESH, b"o" * 32))
    assert await other() == SealedAnew(lost=2)
    assert await identity.authenticators.of(user_id) == "OLDSEED"


async def test_with_one_key_nothing_is_looked_at(identity, user_id) -> None:
    assert await SealAnew(identity.database, Seal(FRESH))() == SealedAnew()
