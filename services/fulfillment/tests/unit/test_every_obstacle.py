"""Every code an order can stand still with: it shows, names its owner, and goes on by itself once mended (§2.1)."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from portal_contracts.fulfillment import ProvisioningProgressed
from portal_contracts.porting import NumberPorting
from portal_contracts.problems import CATALOGUE, Misconfigured, Refused, TryLater, staff_text
from portal_contracts.provisioning import ListProvisioning
from portal_fulfillment.obstacle_codes import OBSTACLES, meaning_of, recheck_of
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.progress import Progress
from portal_fulfillment.provisioning_state import STEPS
from portal_fulfillment.sim import VoiceOptions

ORDER = "801000000000001AAA"
CARD = "AX0000000000001"
RECHECK = timedelta(minutes=15)
FACTS = {"message": "x", "sku": "x", "pid": 1, "card": CARD, "pair": "400_352", "whmcs_order_id": 900}
KINDS = {"refused": Refused, "try_later": TryLater, "misconfigured": Misconfigured}


def problem(code):
    return KINDS[CATALOGUE[code].kind](code, facts=FACTS)


def porting(**changes):
    facts = {
        "phone_number": "09000000000",
        "reservation_number": "1100000000",
        "reservation_expires_on": date(2026, 4, 14),
        "family_name": "山田",
        "given_name": "花子",
        "family_name_kana": "ヤマダ",
        "given_name_kana": "ハナコ",
        "gender": "female",
        "born_on": date(1990, 1, 1),
    }
    return NumberPorting(**{**facts, **changes})


class Raising:
    """Lets one method of a neighbour raise until it is mended."""

    def __init__(self, neighbour, method, code):
        self.neighbour, self.method = neighbour, method
        self.error = problem(code)
        setattr(neighbour, method, self.fail)

    async def fail(self, *_arguments, **_named):
        raise self.error

    def mend(self):
        delattr(self.neighbour, self.method)


def at(neighbour, method):
    """The problem comes from a neighbour's answer."""

    def stage(desk, order, code):
        return order, Raising(getattr(desk, neighbour), method, code).mend

    return stage


def on_the_order(**wrong):
    """Something is wrong with the order until somebody corrects it."""

    def stage(desk, order, _code):
        return order.model_copy(update=wrong), lambda: desk.orders.put(order)

    return stage


def refused_porting(desk, order, code):
    order = order.model_copy(update={"porting": porting()})
    return order, Raising(desk.sims, "activate", code).mend


def without_payment_method(desk, order, _code):
    desk.billing.payment_method = False
    return order, lambda: setattr(desk.billing, "payment_method", True)


def with_another_price(desk, order, _code):
    desk.billing.prices[202] = 3300
    return order, lambda: desk.billing.prices.update({202: 2970})


def without_a_marker(desk, order, _code):
    desk.billing.unmarked.add(202)
    return order, desk.billing.unmarked.clear


def with_an_unknown_card(desk, order, code):
    order = order.model_copy(update={"esim": False, "eid": None, "sim_card_number": CARD})
    return order, Raising(desk.sims, "activate_physical", code).mend


def without_a_card_number(desk, order, _code):
    card = order.model_copy(update={"esim": False, "eid": None, "sim_card_number": None})
    return card, lambda: desk.orders.put(card.model_copy(update={"sim_card_number": CARD}))


def with_a_step_that_breaks(desk, order, _code):
    raising = Raising(desk.billing, "can_pay", "SERVICE_UNAVAILABLE")
    raising.error = RuntimeError("nobody thought of this")
    return order, raising.mend


def without_shown_options(desk, order, _code):
    desk.sims.never.add("07000000000")

    def mend():
        desk.sims.never.clear()
        desk.sims.lines[0] = replace(
            desk.sims.lines[0], voice_options=VoiceOptions(voice_mail=True, call_waiting=False)
        )

    return order.model_copy(update={"voice_options": ["SIM-VOICEMAIL"]}), mend


def with_a_line_that_never_ends_coming(desk, order, _code):
    desk.sims.never.add(order.eid)
    return order, desk.sims.never.clear


STAGED = {
    "PAYMENT_METHOD_MISSING": without_payment_method,
    "EID_MISSING": on_the_order(eid=None),
    "PORTING_DATA_MISSING": at("orders", "read"),
    "PORTING_TOO_SHORT": on_the_order(porting=porting(reservation_expires_on=date(2026, 4, 1))),
    "PORTING_NOT_OFFERED": on_the_order(
        porting=porting(one_stop=True, reservation_number=None, reservation_expires_on=None)
    ),
    "PORTING_RESERVATION_REFUSED": refused_porting,
    "PORTING_IDENTITY_MISMATCH": refused_porting,
    "CUSTOMER_NOT_LINKED": at("orders", "read"),
    "PRODUCT_UNMAPPED": on_the_order(sim_plan="SIM-NEW"),
    "PRICE_MISMATCH": with_another_price,
    "SIM_CARD_NUMBER_MISSING": without_a_card_number,
    "SIM_CARD_UNKNOWN": with_an_unknown_card,
    "MARKER_UNMAPPED": without_a_marker,
    "INTERNAL_ERROR": with_a_step_that_breaks,
    "SERVICE_UNAVAILABLE": at("billing", "products"),
    "DATABASE_UNAVAILABLE": at("billing", "can_pay"),
    "OVERLOADED": at("billing", "reserve"),
    "DEADLINE_PASSED": at("billing", "accept"),
    "IN_PROGRESS": at("billing", "reserve"),
    "SALESFORCE_UNAVAILABLE": at("orders", "mark_activating"),
    "WHMCS_UNAVAILABLE": at("billing", "accept"),
    "FREEBIT_UNAVAILABLE": at("sims", "lines_of"),
    "LINE_BUSY": at("sims", "register_voice_options"),
    "SALESFORCE_MISCONFIGURED": at("orders", "mark_activating"),
    "WHMCS_MISCONFIGURED": at("billing", "reserve"),
    "FREEBIT_MISCONFIGURED": at("sims", "activate"),
    "WHMCS_ORDER_UNCLEAR": at("billing", "reserve"),
    "WHMCS_SERVICE_NOT_ACTIVE": at("billing", "accept"),
    "SIM_UNCLEAR": with_a_line_that_never_ends_coming,
    "VOICE_OPTIONS_UNCONFIRMED": without_shown_options,
}
STANDING = sorted(code for code, obstacle in OBSTACLES.items() if obstacle.meaning in {"waits", "person"})


def test_every_code_that_lets_an_order_stand_is_staged_here():
    assert sorted(STAGED) == STANDING


def told(desk):
    return [event for event in desk.events if isinstance(event, ProvisioningProgressed) and event.code is not None]


@pytest.mark.parametrize("code", STANDING)
async def test_it_shows_names_its_owner_and_goes_on_by_itself_to_one_order_and_one_line(desk, new_order, code):
    order, mend = STAGED[code](desk, new_order(), code)
    view = await desk.provision(order, by=timedelta(hours=6))
    assert (view.status, view.code) == ("blocked" if OBSTACLES[code].meaning == "waits" else "needs_human", code)
    # Salesforce: Failed with `CODE: message`, once for as long as it stands (C04, C37)
    (outcome,) = desk.orders.outcomes
    assert (outcome.outcome, outcome.code) == ("blocked", code)
    assert staff_text(code, outcome.facts).startswith(f"{code}: ")
    # the timeline: once, with the next look; operators: who must act
    (event,) = told(desk)
    assert (event.stage, event.code) == (view.status, code)
    assert event.until > event.occurred_at
    (summary,) = (await desk.show.list(ListProvisioning())).processes
    assert summary.owner == CATALOGUE[code].owner
    assert desk.clock.now() < summary.due_at <= desk.clock.now() + recheck_of(code, RECHECK)
    # mended: it goes on at the next look, says so once, and nothing is there twice
    mend()
    assert (await desk.run(timedelta(hours=2))).status == "done"
    assert desk.stages.count("resumed") == 1
    bearer = CARD if not order.esim else order.eid or new_order().eid
    assert desk.sims.activated == [bearer]
    assert desk.billing.count("accepted", ORDER) == 1
    assert desk.billing.count("created", ORDER) - desk.billing.count("cancelled", ORDER) == 1
    assert [one.outcome for one in desk.orders.outcomes].count("activated") == 1


@pytest.mark.parametrize("source", ["customer", "change_event", "operator", "platform_event", "signed_call"])
async def test_somebody_who_says_that_it_is_mended_is_believed_at_once(desk, new_order, source):
    await desk.provision(new_order(eid=None), by=timedelta(minutes=1))
    desk.orders.put(new_order())
    await desk.signal(source)
    assert (await desk.run(timedelta(minutes=10))).status == "done"


async def test_a_customers_recheck_of_what_is_not_mended_changes_nothing(desk, new_order):
    await desk.provision(new_order(eid=None), by=timedelta(minutes=1))
    for _ in range(5):
        await desk.signal("customer")
        await desk.run(timedelta(seconds=30))
    assert (await desk.view()).status == "blocked"
    assert (len(desk.orders.outcomes), len(told(desk))) == (1, 1)


async def test_another_problem_is_told_as_another_problem(desk, new_order):
    desk.billing.payment_method = False
    await desk.provision(new_order(eid=None), by=timedelta(minutes=1))
    desk.billing.payment_method = True
    await desk.run(timedelta(minutes=20))
    assert [event.code for event in told(desk)] == ["PAYMENT_METHOD_MISSING", "EID_MISSING"]


def test_a_refusal_nobody_listed_is_a_definite_no():
    assert meaning_of("CART_EMPTY") == "back"


def test_every_listed_code_is_in_the_catalogue():
    assert {code for code in OBSTACLES if code not in CATALOGUE} == set()


def test_the_steps_stand_in_the_order_in_which_they_overcome_problems(desk):
    assert tuple(step.name for step in desk.definition.steps) == STEPS


def listed(meaning, owner=None):
    codes = sorted(
        code
        for code, obstacle in OBSTACLES.items()
        if obstacle.meaning == meaning and (owner is None or obstacle.owner == owner)
    )
    return {f"`{code}`{_pace(OBSTACLES[code].recheck)}" for code in codes}


def _pace(recheck):
    if recheck is None:
        return ""
    hours, minutes = divmod(int(recheck.total_seconds()) // 60, 60)
    return f" ({hours} h)" if hours else f" ({minutes} min)"


def test_the_readme_shows_every_obstacle():
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    table = text.split("<!-- obstacles -->")[1].split("<!-- end of obstacles -->")[0]
    rows = {
        cells[1].strip(): set(cells[2].removesuffix(", and after the pivot every refusal ").strip().split(", "))
        for cells in (line.split("|") for line in table.strip().splitlines()[2:])
    }
    owners = {"the customer": "customer", "staff": "staff", "us": "us", "a vendor": "vendor"}
    assert rows == {
        **{f"waits for {name}": listed("waits", owner) for name, owner in owners.items()},
        "a person decides": listed("person"),
        "a definite no": listed("back"),
        "not wanted": listed("withdrawn"),
    }


async def test_a_step_that_breaks_half_way_leaves_the_state_as_it_was(desk, new_order):
    async def breaks(run):
        run.state.marked = False
        run.state.whmcs_order_id = 1
        raise RuntimeError

    step = next(step for step in desk.definition.steps if step.name == "check_payment_method")
    broken = replace(step, action=Obstacles(desk.orders, Progress(desk.attempts), RECHECK).checking(breaks))
    desk.definition = replace(
        desk.definition, steps=tuple(broken if one is step else one for one in desk.definition.steps)
    )
    desk.new_worker()
    view = await desk.provision(new_order("internet"))
    assert (view.status, view.code) == ("blocked", "INTERNAL_ERROR")
    assert (view.state["marked"], view.state["whmcs_order_id"]) == (True, None)
