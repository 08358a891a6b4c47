"""SIM cards and ported numbers through the whole service: real NATS, Postgres, the plans file, the sandbox."""

from datetime import date

import pytest

from portal_contracts.porting import NumberPorting

CARD, PREPARED = "AX0000000000001", "07000008001"
DONOR = "09000007001"


def porting(sandbox, **changes):
    with sandbox.core.store.transaction() as db:
        donor = db.execute("SELECT * FROM freebit_donors WHERE account = ?", (DONOR,)).fetchone()
    until = donor["expire_date"]
    facts = {
        "phone_number": DONOR,
        "reservation_number": donor["reserve_number"],
        "reservation_expires_on": date(int(until[:4]), int(until[4:6]), int(until[6:])),
        "family_name": "山田",
        "given_name": "花子",
        "family_name_kana": "ヤマダ",
        "given_name_kana": "ハナコ",
        "gender": "female",
        "born_on": date(1990, 4, 1),
    }
    return NumberPorting(**{**facts, **changes})


def on_a_card(**changes):
    return {"esim": False, "eid": None, "sim_card_number": CARD, "sim_plan": "SIM-VOICE-PHYS-10G", **changes}


def effects(sandbox, kind, key):
    return len(sandbox.core.ledger.entries(kind=f"freebit.{kind}", key=key))


async def the_line(portal):
    (row,) = await portal.rows("SELECT account, eid, product_number FROM sim_line")
    return tuple(row)


@pytest.mark.parametrize("lost", [False, True])
async def test_a_card_goes_into_service_once(portal, freebit_sandbox, new_order, order_id, lost):  # C18, C19
    if lost:
        freebit_sandbox.core.faults.arm({"vendor": "freebit", "call": "master/addAcnt", "kind": "after_effect"})
    portal.orders.put(new_order(**on_a_card()))
    await portal.signal()
    await portal.until("done")
    assert portal.billing.ledger == [("created", order_id), ("accepted", order_id)]
    assert (
        effects(freebit_sandbox, "line.requested", PREPARED)
        == effects(freebit_sandbox, "line.activated", PREPARED)
        == 1
    )
    assert await the_line(portal) == (PREPARED, "", CARD)


@pytest.mark.parametrize("card", [False, True])
async def test_a_ported_number_moves_once(portal, freebit_sandbox, new_order, order_id, eid, card):  # D09
    number = porting(freebit_sandbox)
    portal.orders.put(new_order(**on_a_card(porting=number)) if card else new_order(porting=number))
    await portal.signal()
    await portal.until("done")
    assert portal.billing.ledger == [("created", order_id), ("accepted", order_id)]
    kind, key = ("line.activated", DONOR) if card else ("esim.activated", eid)
    assert effects(freebit_sandbox, kind, key) == 1
    assert await the_line(portal) == (DONOR, "" if card else eid, CARD if card else (await the_line(portal))[2])


async def test_a_wrong_identity_waits_for_the_customer_and_goes_on_when_it_is_right(
    portal, freebit_sandbox, new_order, order_id, eid
):  # 400-353
    portal.orders.put(new_order(porting=porting(freebit_sandbox, given_name="華子")))
    await portal.signal()
    assert await portal.until("blocked") == ("blocked", "PORTING_IDENTITY_MISMATCH")
    portal.orders.put(new_order(porting=porting(freebit_sandbox)))
    await portal.signal(source="change_event")
    await portal.until("done")
    assert effects(freebit_sandbox, "esim.activated", eid) == 1
    assert portal.billing.ledger == [("created", order_id), ("accepted", order_id)]
