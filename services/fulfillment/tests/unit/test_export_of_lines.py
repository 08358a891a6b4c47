"""The customer's export has their lines and changes as they stand, whole or not at all, and never a code (D17, D11)."""

from datetime import timedelta

import pytest

from portal_chassis.testing import ManualClock
from portal_contracts.problems import TryLater
from portal_fulfillment.export_lines import ExportLines
from portal_fulfillment.kept_lines import FiledLine, KeptChange
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.testing_lines import InMemoryLineChanges, InMemoryOwnedLines
from portal_fulfillment.testing_operator import FakeSims

ACCOUNT, SOMEBODY_ELSE = "001000000000001AAA", "001000000000002AAA"
ORDER = "801000000000001AAA"
EID, ICCID = "89049032000000000000000000000163", "8981030000000000015"
NUMBERS = ("07000006001", "07000006002")


@pytest.fixture
def sims():
    return FakeSims(ManualClock())


@pytest.fixture
def export(sims):
    now = ManualClock().now()
    code = "LPA:1$smdp.example.jp$EXAMPLE"
    sims.put(Line(NUMBERS[0], LineState.SUSPENDED, "susp", plan_code="PASI_50G", network="5G", activation_code=code))
    esim = FiledLine(NUMBERS[0], ORDER, 7001, EID, ICCID, "PASI_20G", "4G", voice=True, activated_at=now)
    card = FiledLine(NUMBERS[1], ORDER, None, "", ICCID, "PASI_10G", "4G", voice=False, activated_at=now)
    changes = [
        KeptChange(f"{number:032x}", 7001, ORDER, account, NUMBERS[0], "reissue", f"r-{number}", b"", at)
        for number, account, at in (
            (1, ACCOUNT, now),
            (2, ACCOUNT, now + timedelta(days=1)),
            (3, SOMEBODY_ELSE, now),
        )
    ]
    owned = InMemoryOwnedLines(filed={ACCOUNT: [esim, card]})
    return ExportLines(owned, InMemoryLineChanges({one.change_id: one for one in changes}), sims)


async def test_lines_are_as_the_operator_shows_them_and_else_as_they_were_kept(export):
    esim, card = (await export(ACCOUNT)).sim_lines
    assert (esim.kind, esim.state, esim.plan, esim.network) == ("esim", "suspended", "PASI_50G", "5G")
    assert (card.kind, card.state, card.plan, card.service_id) == ("card", "unknown", "PASI_10G", None)
    assert (esim.eid, esim.iccid, card.eid) == (EID, ICCID, "")


async def test_all_changes_of_the_account_and_nobody_elses_the_newest_first(export):
    found = await export(ACCOUNT)
    assert [one.change_id for one in found.line_changes] == [f"{number:032x}" for number in (2, 1)]
    assert "LPA:" not in found.model_dump_json()
    theirs = await export("001000000000009AAA")
    assert (theirs.sim_lines, theirs.line_changes) == ([], [])


async def test_with_the_operator_away_there_is_none(export, sims):
    sims.faults = lambda _call: "unsent"
    with pytest.raises(TryLater):
        await export(ACCOUNT)
