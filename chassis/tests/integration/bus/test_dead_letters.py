"""What operators do about messages that could not be taken (D13)."""

import json
from dataclasses import replace

import pytest

from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.operators import list_operator_actions
from portal_contracts.problems import Misconfigured, Refused

LETTERS = dead_letter_messages("desk")
ACTIONS = list_operator_actions("desk")


def storing(names, *, before=None):
    """A consumer whose effect is a row."""

    def wire(bus):
        @bus.consumes(names.ThingSold)
        async def sold(event, delivery):
            if before is not None:
                await before(event, delivery)
            await delivery.transaction.execute("INSERT INTO effect VALUES ($1, $2)", event.number, delivery.message_id)

    return wire


async def numbers(database):
    return [row["number"] for row in await database.fetch("SELECT number FROM effect ORDER BY number")]


async def publish(client, names, number, message_id=None, body=None):
    headers = {"Nats-Msg-Id": message_id} if message_id else {}
    await client.jetstream().publish(
        names.ThingSold.subject, body or names.ThingSold(number=number).model_dump_json().encode(), headers=headers
    )


async def test_dead_letters_are_listed_shown_replayed_and_discarded(
    running, names, database, provision, client, eventually, signer
):
    """D13: raw bytes stay, operators decide, and what they did is written down."""
    mended = False

    async def broken_at_first(event, delivery):
        if not mended:
            raise RuntimeError("not yet")

    await provision()
    topology = replace(names.SHOP, asks=(*names.SHOP.asks, *LETTERS, ACTIONS))
    await running("desk", storing(names, before=broken_at_first), database=database)
    shop = await running("shop", topology=topology)
    actor = signer.operator("operator_devops")

    def replay(letter, request_id, **more):
        return LETTERS.replay(id=letter.id, request_id=request_id, reason="mended", **more)

    await publish(client, names, 1, "first", body=b'{"number":1,"password":"hush"}')
    await publish(client, names, 2, "second")
    await eventually(lambda: _count(database, "SELECT count(*) = 2 FROM portal_dead_letter"))

    listed = await shop.ask(LETTERS.list(), actor=actor)
    assert listed.total == 2
    second, first = listed.dead_letters
    assert (first.message_id, first.state, first.delivered) == ("first", "buried", 1)
    shown = await shop.ask(LETTERS.show(id=first.id), actor=actor)
    assert json.loads(shown.payload) == {"number": 1, "password": "[redacted]"}
    assert shown.headers["Nats-Msg-Id"] == "first"
    with pytest.raises(Refused, match="NOT_FOUND"):
        await shop.ask(LETTERS.show(id=999), actor=actor)
    in_vain = await shop.ask(replay(first, "try-at-first", dry_run=False), actor=actor)
    assert (in_vain.carried_out, in_vain.changes[1]) == (True, "It failed again: RuntimeError: not yet")
    assert (await shop.ask(LETTERS.list(), actor=actor)).total == 2

    mended = True
    planned = await shop.ask(replay(first, "shown-only"), actor=actor)
    assert (planned.carried_out, len(planned.changes)) == (False, 1)
    assert await numbers(database) == []
    for request_id in ("request-1", "request-1", "request-2"):  # harmless to repeat
        await shop.ask(replay(first, request_id, dry_run=False), actor=actor)
    assert await numbers(database) == [1]
    discard = LETTERS.discard(id=second.id, request_id="request-3", reason="obsolete", dry_run=False)
    assert (await shop.ask(discard, actor=actor)).carried_out
    assert (await shop.ask(replay(second, "request-4", dry_run=False), actor=actor)).changes == []
    assert await numbers(database) == [1]
    states = await database.fetch("SELECT message_id, state, closed_by, reason FROM portal_dead_letter ORDER BY id")
    assert [tuple(row) for row in states] == [
        ("first", "replayed", "operator@staff.example", "mended"),
        ("second", "discarded", "operator@staff.example", "obsolete"),
    ]
    assert (await shop.ask(LETTERS.list(state="replayed"), actor=actor)).dead_letters[0].message_id == "first"

    done = await shop.ask(ACTIONS(target=str(first.id)), actor=actor)
    assert [(action.carried_out, action.result) for action in reversed(done.actions)] == [
        (True, " ".join(in_vain.changes)),
        (False, planned.changes[0]),
        (True, planned.changes[0]),
        (True, ""),
    ]
    assert {action.operator for action in done.actions} == {"operator@staff.example"}
    attempts = (await shop.ask(LETTERS.show(id=first.id), actor=actor)).attempts
    assert [(one.by, one.problem) for one in attempts] == [("operator@staff.example", "RuntimeError: not yet")]


async def test_a_dead_letter_that_cannot_be_read_again_tells_the_operator_why(
    running, names, database, provision, client, eventually, signer
):
    """D13: an operator's try is no defect of ours; it is answered, and written down with what came of it."""
    await provision()
    topology = replace(names.SHOP, asks=(*names.SHOP.asks, *LETTERS, ACTIONS))
    await running("desk", storing(names), database=database)
    shop = await running("shop", topology=topology)
    actor = signer.operator("operator_devops")
    await publish(client, names, 1, "unreadable", body=b"\xff\x00 no json")
    await eventually(lambda: _count(database, "SELECT count(*) = 1 FROM portal_dead_letter"))
    letter = (await shop.ask(LETTERS.list(), actor=actor)).dead_letters[0]
    request = LETTERS.replay(id=letter.id, request_id="request-1", reason="mended", dry_run=False)
    for _ in range(2):  # a repeat tries again
        outcome = await shop.ask(request, actor=actor)
        assert (outcome.carried_out, outcome.changes[1]) == (True, f"It failed again: {letter.problem}")
    done = (await shop.ask(ACTIONS(target=str(letter.id)), actor=actor)).actions
    assert [(one.carried_out, one.result) for one in done] == [(True, " ".join(outcome.changes))] * 2
    shown = await shop.ask(LETTERS.show(id=letter.id), actor=actor)
    assert (shown.dead_letter.state, [one.problem for one in shown.attempts]) == ("buried", [letter.problem] * 2)


async def test_dead_letters_are_for_operators_who_may_only(running, names, database, signer):
    topology = replace(names.SHOP, asks=(*names.SHOP.asks, *LETTERS, ACTIONS))
    await running("desk", database=database)
    shop = await running("shop", topology=topology)
    with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
        await shop.ask(LETTERS.list())
    with pytest.raises(Refused, match="OPERATOR_FORBIDDEN"):
        await shop.ask(LETTERS.list(), actor=signer.token())
    viewer = signer.operator("operator_viewer")
    assert (await shop.ask(LETTERS.list(), actor=viewer)).total == 0
    for forbidden in (
        LETTERS.replay(id=1, request_id="request-1", reason="try"),
        LETTERS.discard(id=1, request_id="request-1", reason="try"),
        ACTIONS(),
    ):
        with pytest.raises(Refused, match="OPERATOR_FORBIDDEN") as caught:
            await shop.ask(forbidden, actor=viewer)
        assert caught.value.facts == {"permission": forbidden.permission}
    assert await database.fetchval("SELECT count(*) FROM portal_operator_action") == 0


async def _count(database, sql):
    return await database.fetchval(sql)
