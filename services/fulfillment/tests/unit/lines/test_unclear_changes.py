"""Changes of lines nobody can tell the end of, how operators close them, and what is shown of a line (C18, D13)."""

from datetime import timedelta
from typing import get_args

import pytest

from portal_contracts.problems import Refused
from portal_contracts.sim_lines import LineChangeKind, ListStandingLineChanges

NUMBER, ACCOUNT = "07000006001", "001000000000001AAA"
SOMEBODY_ELSE = "001000000000002AAA"
SERVICE = 7001
KINDS = get_args(LineChangeKind)


async def unclear(lines, kind="top_up"):
    lines.fail(kind, "before", times=2)
    await lines.asks(kind)
    await lines.run(timedelta(hours=3))
    return lines.newest


@pytest.mark.parametrize("kind", KINDS)
async def test_what_nobody_can_tell_holds_the_line_and_is_told_once(lines, kind):
    change = await unclear(lines, kind)
    assert (change.state, change.code) == ("unclear", "LINE_CHANGE_UNCLEAR")
    assert lines.told == ["working", "unclear"]
    assert lines.charges.made == {}
    with pytest.raises(Refused, match="LINE_CHANGE_UNDER_WAY"):
        await lines.asks("change_network", "request-2")
    (standing,) = (await lines.close.list(ListStandingLineChanges(only_unclear=True))).changes
    assert (standing.change_id, standing.line) == (change.change_id, "…6001")


async def test_an_unclear_top_up_that_shows_after_all_ends_by_itself(lines):
    await unclear(lines)
    await lines.sims.top_up(NUMBER, 1000, f"topup-{lines.newest.change_id}")  # it was only very late
    await lines.run(timedelta(minutes=30))
    assert lines.newest.state == "done"
    assert list(lines.charges.made.values()) == [1100]


@pytest.mark.parametrize("happened", [True, False])
async def test_an_operator_says_how_an_unclear_change_ended(lines, happened):
    change = await unclear(lines)
    await lines.closes(happened=happened, dry_run=True)
    await lines.run(timedelta(minutes=1))
    assert lines.newest.state == "unclear"
    outcome = await lines.closes(happened=happened)
    await lines.run(timedelta(minutes=1))
    assert outcome.carried_out
    assert lines.newest.state == ("done" if happened else "refused")
    assert len(lines.charges.made) == happened
    assert await lines.operations.claim("top_up", "another", 1, NUMBER)
    assert lines.desk.actions[-1].target == change.change_id


async def test_a_change_that_is_not_unclear_is_not_closed_by_hand(lines):
    await lines.asks("top_up")
    await lines.run(timedelta(minutes=1))
    with pytest.raises(Refused, match="LINE_CHANGE_NOT_UNCLEAR"):
        await lines.closes(happened=True)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await lines.closes(happened=True, change_id="f" * 32, request_id="closing-2")


# what is shown


async def test_a_line_is_shown_with_its_options_offers_and_the_change_under_way(lines):
    await lines.asks("change_network")
    shown = await lines.show.line(SERVICE, ACCOUNT)
    assert (shown.state, shown.status.en, shown.esim, shown.network) == ("active", "In service", True, "5G")
    assert [(one.megabytes, one.price) for one in shown.top_ups] == [(100, 0), (1000, 1100)]
    assert shown.open_change is not None
    assert shown.open_change.kind == "change_network"


async def test_usage_has_a_day_for_each_amount_and_what_was_added(lines):
    await lines.asks("top_up")
    await lines.run(timedelta(minutes=1))
    usage = await lines.show.usage(SERVICE, ACCOUNT)
    today = lines.clock.today()
    assert [(one.day, one.megabytes) for one in usage.days[:2]] == [(today, 120), (today - timedelta(days=1), 900)]
    assert [one.megabytes for one in usage.added] == [1000]


async def test_nobody_sees_anybody_elses_line_or_change(lines):
    await lines.asks("top_up")
    for read in (lines.show.line, lines.show.usage, lines.show.history):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await read(SERVICE, SOMEBODY_ELSE)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await lines.show.change(lines.newest.change_id, SOMEBODY_ELSE)
    assert (await lines.show.change(lines.newest.change_id, ACCOUNT)).kind == "top_up"
    assert len((await lines.show.history(SERVICE, ACCOUNT)).changes) == 1
