"""Workers that die anywhere, and hundreds of seeded schedules of several faults, judged by the ledgers (I1-I9)."""

import random
from contextlib import suppress
from datetime import timedelta

import pytest

from portal_chassis.process_model import TERMINAL
from portal_chassis.testing import operator_call
from portal_contracts.problems import Refused
from portal_contracts.provisioning import CancelProvisioning, RetryProvisioning

ORDER = "801000000000001AAA"
EID = "89049032000000000000000000000357"
SCHEDULES = 100  # a sample: tests/simulation plays two thousand with the whole path
STAGES = ["started", "reserved", "sim_requested", "sim_active", "accepted"]


async def provision_with_options(desk, new_order, by=timedelta(hours=3)):
    return await desk.provision(new_order(voice_options=["SIM-VOICEMAIL"]), by)


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_worker_killed_at_any_write_leaves_exactly_one_of_each(new_desk, new_order, after_effect):  # T-01
    for dies_at in range(1, 200):
        desk = new_desk()
        desk.new_worker(dies_at=dies_at, after_effect=after_effect)
        mortal = desk.mortal
        assert (await provision_with_options(desk, new_order)).status == "done", dies_at
        desk.assert_exactly_one_of_each()
        if not mortal.died:
            assert dies_at > 25
            return
    pytest.fail("it never got through")


@pytest.mark.parametrize("fault", ["kill_before", "kill_after", "before", "after", "unsent"])
async def test_a_fault_at_any_outside_call_leaves_exactly_one_of_each(new_desk, new_order, fault):  # T-01, F1-F7
    for failing in range(1, 200):
        desk = new_desk()
        countdown = iter(range(failing - 1, -1, -1))
        hit = []

        def faults(call, countdown=countdown, hit=hit):
            if next(countdown, None) == 0:
                hit.append(call)
                return fault
            return None

        desk.orders.faults = desk.billing.faults = desk.sims.faults = faults
        assert (await provision_with_options(desk, new_order)).status == "done", (failing, hit)
        desk.assert_exactly_one_of_each()
        if not hit:
            assert failing > 15
            return
    pytest.fail("it never got through")


async def test_a_worker_killed_on_the_way_back_still_releases(new_desk, new_order):
    for dies_at in range(1, 200):
        desk = new_desk()
        desk.sims.refuses = Refused("SIM_IN_USE")
        desk.new_worker(dies_at=dies_at)
        mortal = desk.mortal
        view = await provision_with_options(desk, new_order)
        assert (view.status, view.code) == ("failed", "SIM_IN_USE")
        assert not desk.billing.is_reserved(ORDER)
        assert [one.outcome for one in desk.orders.outcomes] == ["failed"]
        if not mortal.died:
            return
    pytest.fail("it never got through")


async def test_two_kills_in_one_order_leave_exactly_one_of_each(new_desk, new_order):  # T-04, a sample of all pairs
    chance = random.Random(4)  # noqa: S311 - seeded on purpose
    for _ in range(120):
        desk = new_desk()
        deaths = [chance.randint(1, 30), chance.randint(1, 20)]
        desk.new_worker(dies_at=deaths.pop(0), after_effect=chance.random() < 0.5)
        revive = desk.revive

        def die_again(desk=desk, deaths=deaths, revive=revive):
            revived = revive()
            if revived and deaths:
                desk.new_worker(dies_at=deaths.pop())
            return revived

        desk.revive = die_again
        assert (await provision_with_options(desk, new_order)).status == "done"
        desk.assert_exactly_one_of_each()


class Schedule:
    """One seeded story of an order: faults, duplicates, blocks, a retry."""

    def __init__(self, seed, desk, new_order):
        self.chance = random.Random(seed)  # noqa: S311 - seeded on purpose
        self.desk = desk
        self.start = self._some_start()
        self.first_reserved_at = None
        self.touched = self.cancelled = False
        self.order = self._some_order(new_order)
        self.rate = self.chance.choice([0.0, 0.05, 0.15, 0.35])
        self.calm = False
        desk.orders.faults = desk.billing.faults = desk.sims.faults = self.fault
        desk.sims.one_line_per_eid = self.chance.random() < 0.8
        desk.sims.late_by = timedelta(seconds=self.chance.randint(10, 600))
        desk.sims.completion = timedelta(minutes=self.chance.choice([0, 2, 9, 25, 70]))
        if self.chance.random() < 0.15:
            desk.sims.fails.add(EID)
        if self.chance.random() < 0.1:
            desk.sims.refuses = Refused("SIM_REFUSED", facts={"pair": "400_320"})
        if self.chance.random() < 0.2:
            desk.billing.payment_method = False
        if self.chance.random() < 0.1:
            desk.billing.refuses = {"accept": Refused("WHMCS_SERVICE_NOT_ACTIVE", facts={"whmcs_order_id": 1})}
        if self.chance.random() < 0.1:
            desk.billing.refuses = {"reserve": Refused("WHMCS_ORDER_REFUSED", facts={"message": "closed"})}
        desk.billing.working = {"reserve": self.chance.choice([0, 0, 2]), "accept": self.chance.choice([0, 0, 2])}

    def _some_order(self, new_order):
        kind = self.chance.choice(["sim", "sim", "sim", "internet", "vpn"])
        state = "cancelled" if self.chance.random() < 0.08 else "approved"
        options = ["SIM-VOICEMAIL"] if kind == "sim" and self.chance.random() < 0.5 else []
        dated = {} if self.start is None else {"activation_type": "scheduled", "scheduled_at": self.start}
        return new_order(kind, state=state, voice_options=options, **dated)

    def _some_start(self):
        hours = self.chance.choice([None, None, None, 1, 5, 80])
        return None if hours is None else self.desk.clock.now() + timedelta(hours=hours)

    def fault(self, call):
        if call == "billing.reserve" and self.first_reserved_at is None:
            self.first_reserved_at = self.desk.clock.now()
        if self.calm or self.chance.random() >= self.rate:
            return None
        return self.chance.choice(["unsent", "before", "after", "after", "late", "kill_before", "kill_after"])

    async def play(self):
        desk = self.desk
        desk.orders.put(self.order)
        approved_at = desk.clock.now()
        for _ in range(self.chance.randint(1, 4)):
            await desk.signal(self.chance.choice(["platform_event", "change_event", "sweeper"]), at=approved_at)
            await desk.run(timedelta(seconds=self.chance.choice([0, 5, 120, 900])))
        if self.start is not None:
            await self._while_it_waits()
        if self.chance.random() < 0.1:
            await self._ask_operators()
        await desk.run(timedelta(hours=6))
        if self.chance.random() < 0.1:
            await self._ask_operators()
        if self.chance.random() < 0.05:
            desk.orders.put(desk.orders.orders[ORDER].model_copy(update={"state": "cancelled"}))
        await desk.signal("sweeper")
        self.calm = True
        desk.billing.payment_method = True
        desk.billing.refuses = {}
        await desk.run(timedelta(hours=16))
        if self.chance.random() < 0.5:
            desk.sims.refuses = None
            desk.sims.fails.clear()
            await desk.signal("operator")
            await desk.run(timedelta(hours=16))
        return await desk.view()

    async def _while_it_waits(self):
        """Somebody moves or removes the date, wants the order now, or cancels; or nobody does anything."""
        desk, chance = self.desk, self.chance.random()
        order = desk.orders.orders[ORDER]
        if chance < 0.2:
            self.start = desk.clock.now() + timedelta(hours=self.chance.choice([2, 30]))
            desk.orders.put(order.model_copy(update={"scheduled_at": self.start}))
            await desk.signal("change_event")
        elif chance < 0.3:
            self.touched = True
            desk.orders.put(order.model_copy(update={"activation_type": "immediate", "scheduled_at": None}))
            await desk.signal("change_event")
        elif chance < 0.5:
            self.touched = True
            await desk.signal("signed_call")
        await desk.signal(self.chance.choice(["platform_event", "customer", "sweeper"]))
        await desk.run(timedelta(hours=90))

    async def _ask_operators(self):
        """An operator cancels, or retries, perhaps when it makes no sense."""
        of, act = self.chance.choice(
            [(CancelProvisioning, self.desk.operate.cancel), (RetryProvisioning, self.desk.operate.retry)]
        )
        with suppress(Refused):
            await act(of(order_id=ORDER, request_id="request-1", dry_run=False, reason="Why not"), operator_call())
            self.cancelled = of is CancelProvisioning
        await self.desk.run(timedelta(hours=1))


def check_invariants(schedule, view):
    desk = schedule.desk
    is_sim = schedule.order.category == "sim"
    accepted, created = desk.billing.count("accepted", ORDER), desk.billing.count("created", ORDER)
    cancelled = desk.billing.count("cancelled", ORDER)
    # I1, I2: at most one accepted, and nothing beside it left standing
    assert accepted <= 1
    assert created - cancelled <= 1
    # I3: never two lines, and none without a reservation
    assert desk.sims.activated.count(EID) <= 1
    assert all(desk.reserved_at_request)
    # I6: nothing stuck: it has ended, or somebody is shown what to do
    assert view.status in TERMINAL | {"blocked", "needs_human"}, view
    assert view.code is not None or view.status == "done"
    # C19: no accepted order without its line, no active line without its order
    standing, active = created - cancelled, desk.sims.activated.count(EID)
    assert accepted <= (active if is_sim else 1)
    assert active <= standing
    done = view.status == "done"
    if view.status in TERMINAL:
        assert (accepted, standing, active) == (int(done), int(done), int(done and is_sim))
    # I4, one announcement
    assert len(desk.activated) == int(done)
    assert [one.outcome for one in desk.orders.outcomes].count("activated") == int(done)
    # I7: nothing for an order that never was approved
    if schedule.order.state != "approved":
        assert (created, desk.sims.requested, desk.orders.outcomes) == (0, [], [])
    # T-17: never before its time, unless somebody wanted it so
    if schedule.start is not None and not schedule.touched and schedule.first_reserved_at is not None:
        assert schedule.first_reserved_at >= schedule.start
    # I9: within an attempt the stages only go forward, and nothing follows the end
    for number in {event.attempt for event in desk.events if hasattr(event, "attempt")}:
        told = [event.stage for event in desk.events if getattr(event, "attempt", 0) == number]
        forward = [STAGES.index(stage) for stage in told if stage in STAGES]
        assert forward == sorted(forward)
        assert "failed" not in told or all(stage in {"failed", "absorbed"} for stage in told[told.index("failed") :])
    # I13: every request had its journalled intent
    assert len(desk.sims.requested) <= desk.sims.calls.count("sims.activate")


async def test_no_seeded_schedule_breaks_an_invariant(new_desk, new_order):
    ends, rare = {}, {"dated": 0, "wanted sooner": 0, "cancelled by an operator": 0}
    for seed in range(SCHEDULES):
        schedule = Schedule(seed, new_desk(), new_order)
        try:
            view = await schedule.play()
            check_invariants(schedule, view)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        ends[view.status] = ends.get(view.status, 0) + 1
        rare["dated"] += schedule.start is not None
        rare["wanted sooner"] += schedule.touched
        rare["cancelled by an operator"] += schedule.cancelled
    assert all(rare.values()), rare
    assert ends["done"] > SCHEDULES / 2, ends
    assert ends["failed"] > SCHEDULES / 20, ends
    assert SCHEDULES - ends["done"] - ends["failed"] < SCHEDULES / 20, ends
