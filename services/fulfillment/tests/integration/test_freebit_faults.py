"""Every write to Freebit under every fault, on the sandbox: exactly one effect in its ledger (reliability.md b2, C19).

The real process, use case and adapter; the sandbox's business clock is the process's clock.
"""

import asyncio
import json
import math
from dataclasses import dataclass
from datetime import date, timedelta

import httpx
import pytest
from pydantic import BaseModel

from portal_chassis.outbound import Outbound
from portal_chassis.process import ProcessDefinition, Step
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import ManualClock, engine
from portal_contracts.orders import ProvisionRequested
from portal_contracts.porting import NumberPorting
from portal_fulfillment.freebit import Freebit, FreebitSettings
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.freebit_sims import FreebitSims
from portal_fulfillment.line_changes import (
    CancelLine,
    ChangeNetwork,
    ChangePlan,
    ChangeVoiceOptions,
    RegisterVoiceOptions,
    ReissueEsim,
    TopUpLine,
)
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.main import Ends, provisioning
from portal_fulfillment.operate_on_line import OperateOnLine
from portal_fulfillment.provisioning_state import PROVISIONING
from portal_fulfillment.sim import EsimReissue, VoiceOptions
from portal_fulfillment.sim_plans import SimPlan, SimPlans
from portal_fulfillment.sim_steps import SimPatience
from portal_fulfillment.testing import InMemoryAttempts, InMemoryLines, InMemoryOperations
from portal_fulfillment.testing_neighbours import FakeBilling, FakeOrders
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

ORDER = "801000000000001AAA"
EID = "89049032000000000000000000000357"
CARD, PREPARED = "AX0000000000001", "07000008001"
LINE, LINE_EID = "07000006001", "89049032000000000000000000000163"
DONOR = "09000007001"

BUSY = json.dumps({"resultCode": "400", "status": {"message": "busy", "statusCode": "330"}})
FAULTS = {
    "refused": {"kind": "refused"},
    "timeout_before_effect": {"kind": "before_effect", "params": {"seconds": 0}},
    "timeout_after_effect": {"kind": "after_effect"},
    "late_10_s": {"kind": "late", "params": {"businessSeconds": 10}},
    "late_600_s": {"kind": "late", "params": {"businessSeconds": 600}},
    "5xx_before_effect": {"kind": "status", "params": {"status": 502}},
    "5xx_after_effect": {"kind": "status", "params": {"status": 504, "effect": True}},
    "malformed": {"kind": "malformed"},
    "html": {"kind": "html"},
    "empty": {"kind": "empty"},
    "nonsense": {"kind": "nonsense"},
    "busy": {"kind": "status", "params": {"status": 200, "body": BUSY}},
    "too_many": {"kind": "quota"},
    "maintenance": {"kind": "error", "params": {"meaning": "transient"}},
    "system_error": {"kind": "error", "params": {"meaning": "ambiguous"}},
    "system_error_after_effect": {"kind": "error", "params": {"meaning": "ambiguous", "effect": True}},
    "key_expired": {"kind": "auth"},
}


def porting(sandbox):
    with sandbox.core.store.transaction() as db:
        donor = db.execute("SELECT * FROM freebit_donors WHERE account = ?", (DONOR,)).fetchone()
    expires = donor["expire_date"]
    return NumberPorting(
        phone_number=DONOR,
        reservation_number=donor["reserve_number"],
        reservation_expires_on=date(int(expires[:4]), int(expires[4:6]), int(expires[6:])),
        family_name="山田",
        given_name="花子",
        family_name_kana="ヤマダ",
        given_name_kana="ハナコ",
        gender="female",
        born_on=date(1990, 4, 1),
    )


class Nothing(BaseModel):
    """A process that remembers nothing."""


@dataclass
class SandboxDesk:
    """Processes on the adapter, time moved by hand on both sides."""

    sandbox: object
    http: object
    clock: ManualClock

    def __post_init__(self):
        self.store = InMemoryProcessStore(self.clock)
        self.operations = InMemoryOperations()
        self.lines = InMemoryLines()
        self.use({})

    def use(self, tables):
        known = FreebitTables().overridden(tables)
        settings = FreebitSettings(
            self.sandbox.core.addresses["freebit"], "SANDBOX", "sandbox-oem-key", read_timeout=5.0, tables=known
        )
        self.sims = FreebitSims(Freebit(settings, self.http, Outbound("freebit", at_once=3, longest_wait=5.0)), known)

    async def change(self, change, by=timedelta(hours=4)):
        operate = OperateOnLine(self.sims, self.operations, timedelta(minutes=15), timedelta(minutes=30))

        async def step(run):
            return await operate(run, change)

        worker = engine(
            ProcessDefinition("line_change", Nothing, (Step("operate", step),)), clock=self.clock, store=self.store
        )
        async with self.store.database.transaction() as transaction:
            await worker.start(transaction, "line_change", "request-1", Nothing())
        await self._run(worker, by)
        return await worker.read("line_change", "request-1")

    async def provision(self, order, by=timedelta(hours=5)):
        orders, billing = FakeOrders(), FakeBilling(self.clock)
        billing.prices = {202: 2970}
        orders.put(order)
        attempts = InMemoryAttempts()
        ends = Ends(orders, billing, self.sims, attempts, self.operations, self.lines)
        plans = SimPlans(
            plans={"SIM-VOICE-ESIM-20G": SimPlan(plan_code="PASI_20G")},
            voice_options={"SIM-VOICEMAIL": "voice_mail"},
            card_numbers={CARD: PREPARED},
        )
        worker = engine(
            provisioning(ends, plans, SimPatience(), timedelta(minutes=15)), clock=self.clock, store=self.store
        )
        signal = ProvisionRequested(
            order_id=ORDER, source="platform_event", request_id="one", occurred_at=self.clock.now()
        )
        async with self.store.database.transaction() as transaction:
            await LookAtSignal(attempts, worker, self.clock)(signal, transaction)
        await self._run(worker, by)
        assert billing.ledger == [("created", ORDER), ("accepted", ORDER)]
        return await worker.read(PROVISIONING, ORDER)

    async def _run(self, worker, by):
        end = self.clock.now() + by
        while True:
            await worker.run_until_idle()
            due = self.store.next_due()
            if due is None or due > end:
                return
            self.pass_time(math.ceil((due - self.clock.now()).total_seconds()) or 1)
            await self._let_late_effects_land()

    def pass_time(self, seconds):
        self.clock.advance(seconds)
        self.sandbox.core.clock.advance(seconds)

    async def _let_late_effects_land(self):
        for _ in range(5):
            await asyncio.sleep(0)

    def break_once(self, call, fault):
        return self.sandbox.core.faults.arm({"vendor": "freebit", "call": call, **FAULTS[fault]})

    def effects(self, kind, key):
        return len(self.sandbox.core.ledger.entries(kind=f"freebit.{kind}", key=key))


@pytest.fixture
async def sandbox_desk(tmp_path):
    clock = ManualClock()
    settings = Settings(
        data_dir=tmp_path / "sandbox",
        control_port=0,
        freebit_port=0,
        in_memory=True,
        switches={"freebit": {"completionSeconds": 300}},
    )
    began = clock.now()
    sandbox = build_sandbox(settings, vendors=["freebit"], real_now=lambda: began)
    async with sandbox.running(), httpx.AsyncClient() as http:
        yield SandboxDesk(sandbox, http, clock)


CHANGES = {
    "voice_options": (
        RegisterVoiceOptions(LINE, VoiceOptions(voice_mail=True, call_waiting=False)),
        "mvno/talkoption/addOrder",
        ("line.talkoption_requested", "line.talkoption_changed"),
    ),
    "change_voice_options": (
        ChangeVoiceOptions(LINE, VoiceOptions(call_waiting=True)),
        "mvno/talkoption/changeOrder",
        ("line.talkoption_requested", "line.talkoption_changed"),
    ),
    "top_up": (
        TopUpLine(LINE, 1000, "topup-1", ManualClock().today(), date(2027, 3, 31)),
        "master/addSpec",
        ("quota.added",),
    ),
    "change_plan": (
        ChangePlan(LINE, "PASI_5G"),
        "mvno/changePlan",
        ("line.plan_requested", "line.plan_changed"),
    ),
    "change_plan_later": (ChangePlan(LINE, "PASI_5G", date(2026, 5, 1)), "mvno/changePlan", ("line.plan_requested",)),
    "change_network": (
        ChangeNetwork(LINE, "4G"),
        "mvno/contractline/change",
        ("line.contractline_requested", "line.contractline_changed"),
    ),
    "cancel_line": (CancelLine(LINE), "master/cnclAcnt", ("line.cancel_requested", "line.cancelled")),
    "cancel_line_later": (CancelLine(LINE, date(2026, 5, 1)), "master/cnclAcnt", ("line.cancel_requested",)),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_has_exactly_one_effect_whatever_happens_to_its_request(sandbox_desk, name, fault):
    change, call, effects = CHANGES[name]
    rule = sandbox_desk.break_once(call, fault)
    view = await sandbox_desk.change(change)
    assert rule.hits == 1
    assert (view.status, {kind: sandbox_desk.effects(kind, LINE) for kind in effects}) == (
        "done",
        dict.fromkeys(effects, 1),
    )


@pytest.mark.parametrize("name", CHANGES)
async def test_looks_that_show_the_past_double_no_change(sandbox_desk, name):
    change, _, effects = CHANGES[name]
    stale = {"vendor": "freebit", "call": "mvno/get*", "kind": "stale", "skip": 0 if name == "voice_options" else 1}
    rule = sandbox_desk.sandbox.core.faults.arm({**stale, "times": 2})
    view = await sandbox_desk.change(change)
    assert rule.hits > 0
    assert (view.status, [sandbox_desk.effects(kind, LINE) for kind in effects]) == ("done", [1] * len(effects))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("eid", [EID, LINE_EID], ids=["another_phone", "same_phone"])
async def test_a_reissue_has_exactly_one_effect_whatever_happens_to_its_request(sandbox_desk, eid, fault):
    old = await sandbox_desk.sims.line(LINE)
    change = ReissueEsim(EsimReissue(LINE, eid, LINE_EID, old.product_number), old.iccid)
    rule = sandbox_desk.break_once("mvno/esim/addAcnt", fault)
    view = await sandbox_desk.change(change)
    assert rule.hits == 1
    assert (view.status, sandbox_desk.effects("esim.requested", eid), sandbox_desk.effects("esim.reissued", eid)) == (
        "done",
        1,
        1,
    )
    assert (await sandbox_desk.sims.line(LINE)).eid == eid


ACTIVATIONS = {
    "esim": ({}, {}, "mvno/esim/addAcnt", "esim.activated", EID),
    "esim_ported": ({"ported": True}, {}, "mvno/esim/addAcnt", "esim.activated", EID),
    "card": ({"card": True}, {}, "master/addAcnt", "line.activated", PREPARED),
    "card_over_the_air": ({"card": True}, {"new_card_route": "ota"}, "mvno/ota/addAcnt", "line.activated", PREPARED),
    "card_ported_over_the_air": (
        {"card": True, "ported": True},
        {"ported_card_route": "ota"},
        "mvno/ota/addAcnt",
        "line.activated",
        DONOR,
    ),
    "card_ported_reserved": (
        {"card": True, "ported": True},
        {},
        "mvno/semiblack/addTempAcnt",
        "line.activated",
        DONOR,
    ),
    "card_ported_registered": ({"card": True, "ported": True}, {}, "mvno/semiblack/addAcnt", "line.activated", DONOR),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ACTIVATIONS)
async def test_an_activation_has_exactly_one_effect_whatever_happens_to_its_request(
    sandbox_desk, new_order, name, fault
):
    what, tables, call, effect, key = ACTIVATIONS[name]
    sandbox_desk.use(tables)
    changes = {"esim": False, "eid": None, "sim_card_number": CARD} if "card" in what else {}
    if "ported" in what:
        changes["porting"] = porting(sandbox_desk.sandbox)
    rule = sandbox_desk.break_once(call, fault)
    view = await sandbox_desk.provision(new_order(**changes))
    assert rule.hits == 1
    assert (view.status, sandbox_desk.effects(effect, key)) == ("done", 1)
    ledger = [entry.kind for entry in sandbox_desk.sandbox.core.ledger.entries()]
    assert (
        sum(kind in ("freebit.esim.requested", "freebit.line.requested", "freebit.line.reserved") for kind in ledger)
        == 1
    )
    assert [order for order, _ in sandbox_desk.lines.kept.values()] == [ORDER]


@pytest.mark.parametrize("name", ["esim", "esim_ported", "card", "card_ported_registered"])
async def test_an_activation_that_fails_at_freebit_goes_back(sandbox_desk, new_order, name):
    what = ACTIVATIONS[name][0]
    sandbox_desk.use({"ported_card_route": "ota"})
    changes = {"esim": False, "eid": None, "sim_card_number": CARD} if "card" in what else {}
    if "ported" in what:
        changes["porting"] = porting(sandbox_desk.sandbox)
    sandbox_desk.sandbox.core.switches.update({"freebit": {"completion": "failure"}})
    with pytest.raises(AssertionError):
        await sandbox_desk.provision(new_order(**changes))
    view = sandbox_desk.store._rows[PROVISIONING, ORDER]
    assert (view.status, view.code) == ("failed", "SIM_REFUSED")


@pytest.mark.parametrize("name", ["esim", "card_ported_registered"])
async def test_a_look_that_shows_the_past_doubles_nothing(sandbox_desk, new_order, name):
    what = ACTIVATIONS[name][0]
    changes = {"esim": False, "eid": None, "sim_card_number": CARD} if "card" in what else {}
    if "ported" in what:
        changes["porting"] = porting(sandbox_desk.sandbox)
    sandbox_desk.sandbox.core.faults.arm({"vendor": "freebit", "call": "mvno/getDetail", "kind": "stale", "times": 3})
    assert (await sandbox_desk.provision(new_order(**changes))).status == "done"
    ledger = [entry.kind for entry in sandbox_desk.sandbox.core.ledger.entries()]
    assert sum(kind in ("freebit.esim.activated", "freebit.line.activated") for kind in ledger) == 1


async def test_a_wrong_reservation_is_cancelled_and_a_corrected_one_takes_its_place(sandbox_desk, new_order):
    """PA05-20 with state "60", then PA05-18 and PA05-19 with the new data (freebit.md 3.9)."""
    good = porting(sandbox_desk.sandbox)
    wrong = good.model_copy(update={"given_name": "華子"})
    order = new_order(esim=False, eid=None, sim_card_number=CARD, porting=wrong)
    with pytest.raises(AssertionError):
        await sandbox_desk.provision(order, by=timedelta(minutes=5))
    row = sandbox_desk.store._rows[PROVISIONING, ORDER]
    assert (row.status, row.code) == ("blocked", "PORTING_IDENTITY_MISMATCH")
    assert sandbox_desk.effects("line.reservation_changed", DONOR) == 1
    sandbox_desk.store._rows.clear()
    sandbox_desk.operations.rows.clear()
    view = await sandbox_desk.provision(order.model_copy(update={"porting": good}))
    assert (view.status, sandbox_desk.effects("line.activated", DONOR)) == ("done", 1)
