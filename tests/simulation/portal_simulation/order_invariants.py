"""What must be true of each order after every schedule (reference reliability.md (b) §3 and §4)."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Final

from portal_chassis.process_model import JournalEntry
from portal_contracts.fulfillment import ProvisioningProgressed
from portal_simulation.expected_ends import is_legal, legal_codes
from portal_simulation.order_facts import OrderFacts

ACTIVE: Final = "Provisioned"
STATUS_ORDER: Final = ("Draft", "Pending Review", "Approved", "Activated")
EXTRAS_GONE: Final = timedelta(minutes=5)
LEASE: Final = timedelta(seconds=45)
"""What a dead worker's lease and the poll after it may add."""
IN_FLIGHT: Final = timedelta(seconds=60)
"""How long after a cancellation something may still happen that was decided before it."""
QUIET: Final = {"AddOrder": timedelta(seconds=120), "activate_esim": timedelta(minutes=14)}
"""The quiet periods, a little less: they begin when the outcome turns out unclear."""
LATEST_DEPARTURE: Final = timedelta(seconds=13)
"""The send deadline of ten seconds, and the way to the vendor."""
MOST_CREATED: Final = 2
ONCE: Final = ("started", "reserved", "sim_active", "accepted", "activated")
"""Stages an attempt reaches once."""

Check = Iterator[tuple[str, str]]


def _one_of_each(facts: OrderFacts) -> Check:
    """I1, I2: one accepted order and it is the winner; extras cancelled in time and never paid."""
    by_hand = "accepted by hand" in facts.order.done
    accepted = [effect for effect in facts.accepted if effect.detail["order_id"] is not None]
    if len(accepted) > 1:
        yield "I1", f"has {len(accepted)} accepted WHMCS orders"
    if facts.is_done and len(accepted) != 1:
        yield "I1", f"is active with {len(accepted)} accepted WHMCS orders"
    if len(facts.created) > MOST_CREATED * facts.rounds:
        yield "I1", f"made {len(facts.created)} WHMCS orders in {facts.rounds} rounds"
    numbers = {effect.detail["order_id"] for effect in accepted}
    if numbers and not by_hand and numbers != {facts.winner}:
        yield "I2", f"accepted {sorted(numbers)}, the winner is {facts.winner}"
    yield from _extras(facts, numbers)


def _extras(facts: OrderFacts, accepted: set[int]) -> Check:
    sandbox, played = facts.played.world.sandbox, facts.played
    keep: set[int | None] = {*accepted} or ({facts.winner} if not _is_over(facts) else set())
    for order in sandbox.whmcs_orders(facts.order.order_id):
        if order.status == "Pending" and order.id not in keep:
            yield "I1", f"leaves WHMCS order {order.id} Pending"
    made = {effect.detail["order_id"]: effect.at for effect in facts.created}
    for effect in facts.cancelled:
        number = effect.detail["order_id"]
        if number == facts.winner or number not in made:
            continue  # a reservation that was released
        calm = max(made[number], played.calm_at)
        decided = max([calm, *(one.at for one in facts.accepted)]) if facts.accepted else calm
        if effect.at > decided + EXTRAS_GONE + LEASE and facts.is_done:
            yield "I1", f"left the extra WHMCS order {number} standing for {effect.at - calm}"
        if facts.effects.of("whmcs.payment.taken", str(effect.detail.get("invoice_id", "none"))):
            yield "I1", f"took money for the extra WHMCS order {number}"


def _is_over(facts: OrderFacts) -> bool:
    view = facts.order.view
    return view is None or view.ended


def _sims(facts: OrderFacts) -> Check:
    """I3: one SIM activation for a SIM, none otherwise, none without a reservation."""
    if facts.order.plan.eid is None:
        return
    if len(facts.activated) > 1:
        yield "I3", f"switched {len(facts.activated)} lines on"
    if facts.is_done and len(facts.activated) != 1:
        yield "I3", f"is active with {len(facts.activated)} lines"
    failed = len(facts.effects.of("freebit.esim.failed", facts.order.plan.eid))
    if len(facts.requested) - failed > 1:
        yield "I3", f"asked for {len(facts.requested)} lines"
    if facts.activated and not facts.is_done and _is_over(facts):
        yield "I3", f"has a line and ended as {facts.order.view and facts.order.view.code}"
    first = min((effect.at for effect in facts.created), default=None)
    if any(first is None or effect.at < first for effect in facts.requested):
        yield "I3", "asked for a line before anything was reserved"


def _systems_agree(facts: OrderFacts) -> Check:
    """I4: Salesforce final ⇔ WHMCS Active; the stored id is the winner's. I8: amounts right to the yen."""
    shown, sandbox = facts.shown, facts.played.world.sandbox
    final = shown["Status"] == "Activated" and shown["Activation_Status__c"] == ACTIVE
    if final != facts.is_done:
        yield "I4", f"shows {shown['Status']}/{shown['Activation_Status__c']} while it is done={facts.is_done}"
    active = [order for order in sandbox.whmcs_orders(facts.order.order_id) if order.status == "Active"]
    if not final:
        if active and _is_over(facts) and "accepted by hand" not in facts.order.done:
            yield "I4", f"is {shown['Activation_Status__c']} and WHMCS has {[order.id for order in active]} Active"
        return
    if len(active) != 1:
        yield "I4", f"is final and WHMCS has {len(active)} Active orders"
        return
    (one,) = active
    if set(one.states) - {"Active", "Completed"}:
        yield "I4", f"is final and its services are {one.states}"
    if int(shown["WHMCS_Order_Id__c"] or 0) != one.id:
        yield "I4", f"stores WHMCS order {shown['WHMCS_Order_Id__c']}, Active is {one.id}"
    opportunity = sandbox.opportunity(shown["OpportunityId"])
    if int(opportunity["WHMCS_Service_ID__c"] or 0) not in one.services:
        yield "I4", f"its opportunity stores service {opportunity['WHMCS_Service_ID__c']} of {one.services}"
    if (one.amount, one.billed) != (facts.order.total, facts.order.total):
        yield "I8", f"costs {facts.order.total}, WHMCS has {one.amount} and bills {one.billed}"


def _mails(facts: OrderFacts) -> Check:
    """I5: at most one mail for an order and template; exactly one for an active order when no mail could be lost."""
    sent = Counter(
        effect.key for effect in facts.effects.of("sendgrid.mail.accepted") if facts.order.order_id in effect.key
    )
    for key, times in sent.items():
        if times > 1:
            yield "I5", f"mail {key} was sent {times} times"
    schedule = facts.played.schedule
    lost = any(fault.vendor == "sendgrid" for fault in schedule.faults) or any(
        name.startswith("notifications") for name, _ in facts.played.world.died
    )
    if facts.is_done and not lost and not any("order_activated" in key for key in sent):
        yield "I5", "no mail says that it is active"


def _nothing_stuck(facts: OrderFacts) -> Check:
    """I6: done, failed with a code in Salesforce, or visibly with a person; and nobody's fault but a listed one's."""
    order, view = facts.order, facts.order.view
    if order.plan.approved_at is None:
        return
    if view is None:
        if facts.shown["Status"] == "Approved":
            yield "I6", "was approved and nobody looked"
        return
    if view.status == "done":
        return
    if view.status not in ("failed", "blocked", "needs_human", "cancelled"):
        yield "I6", f"is {view.status} at {view.step}: {view.code} {view.because}"
        return
    if facts.shown["Status"] == "Approved":
        if facts.shown["Activation_Status__c"] != "Failed":
            yield "I6", f"is {view.status} {view.code} and Salesforce shows {facts.shown['Activation_Status__c']}"
        elif not str(facts.shown["Activation_Error__c"] or "").startswith(f"{view.code}:"):
            yield "I6", f"is {view.code} and Salesforce says {facts.shown['Activation_Error__c']}"
    if not is_legal(facts.played, order, view):
        legal = sorted(legal_codes(facts.played, order))
        yield "end", f"ended {view.status} {view.code} {dict(view.facts)}; legal here: {legal}"


def _nothing_unwanted(facts: OrderFacts) -> Check:
    """I7: no effect for an order that was never approved, and none decided after its cancellation."""
    done = facts.order.done
    things = (*facts.created, *facts.accepted, *facts.requested)
    if "approved" not in done:
        if things:
            yield "I7", f"was never approved and made {things[0].kind}"
        return
    if any(effect.at < done["approved"] for effect in things):
        yield "I7", "something happened before its approval"
    if "cancelled" not in done:
        return
    late = _lateness(facts)
    for effect in (*facts.created, *facts.requested):
        if effect.at > done["cancelled"] + IN_FLIGHT + late:
            yield "I7", f"{effect.kind} {effect.at - done['cancelled']} after it was cancelled"


def _lateness(facts: OrderFacts) -> timedelta:
    """How much later than decided an effect may land: what the drawn faults delay."""
    seconds = 0.0
    for fault in facts.played.schedule.faults:
        seconds = max(seconds, float(fault.params.get("businessSeconds", 0)) if fault.params else 0.0, 60.0)
    return timedelta(seconds=seconds + sum(moved for _, moved in facts.played.schedule.moves))


def _reviewed(facts: OrderFacts) -> Check:
    """I10, C40: a rejection is told once, and its opportunity is void. Where Salesforce is silent nobody can know."""
    if "rejected" not in facts.order.done or facts.played.schedule.silent:
        return
    book = facts.played.world.rows["orders"].tables["book"]
    told = book.kinds(facts.order.order_id).count("order.rejected")
    if told != 1:
        yield "I10", f"was rejected, and its customer was told {told} times"
    stage = facts.played.world.sandbox.opportunity(facts.shown["OpportunityId"])["StageName"]
    if stage != "Void":
        yield "I4", f"was rejected, and its opportunity stands at {stage}"


def _only_forward(facts: OrderFacts) -> Check:
    """I9: the status never goes backwards, and nothing follows the activation."""
    status, activation = "Draft", ""
    for effect in facts.effects.of("salesforce.order.updated", facts.order.order_id):
        after = str(effect.detail.get("Status", status))
        if after in STATUS_ORDER and status in STATUS_ORDER and STATUS_ORDER.index(after) < STATUS_ORDER.index(status):
            yield "I9", f"status went from {status} back to {after}"
        status = after
        now = str(effect.detail.get("Activation_Status__c", activation))
        if activation == ACTIVE and now != ACTIVE:
            yield "I9", f"activation went from {activation} back to {now}"
        activation = now


def _intents(facts: OrderFacts) -> Check:
    """I13: every effect has its journalled intent, written before it, in the order's own process."""
    pairs = (
        ("AddOrder", [effect.detail["order_id"] for effect in facts.created]),
        ("AcceptOrder", [effect.detail["order_id"] for effect in facts.accepted if effect.caller != "admin"]),
        ("CancelOrder", [effect.detail["order_id"] for effect in facts.cancelled]),
    )
    for call, numbers in pairs:
        entries = facts.journal.get(call, [])
        named = {int(entry.external_id) for entry in entries if entry.external_id}
        open_ = [
            entry for entry in entries if not entry.external_id and entry.state in ("started", "unknown", "failed")
        ]
        strangers = [number for number in numbers if number not in named]
        if len(strangers) > len(open_):
            yield "I13", f"{call} of {strangers} has no intent ({len(entries)} journalled)"
        if any(not entry.fingerprint for entry in entries):
            yield "I13", f"an intent of {call} has no fingerprint"
    asked = facts.journal.get("activate_esim", [])
    if len(facts.requested) > len(asked):
        yield "I13", f"{len(facts.requested)} lines were asked for with {len(asked)} intents"


def _in_time(facts: OrderFacts) -> Check:
    """Rule 4: a write leaves within its send deadline of its intent, or not at all.

    Who slept just before writing the intent down wrote the time at which it fell asleep; its deadline begins later.
    """
    schedule, froze = facts.played.schedule, facts.played.world.froze
    slow = any(fault.kind in ("late", "slow", "drip") for fault in schedule.faults)
    if slow or schedule.moves or any(point.startswith("before intent of") for _, point in froze):
        return
    made = {effect.detail["order_id"]: effect.at for effect in facts.created}
    for entry in facts.journal.get("AddOrder", ()):
        at = made.get(int(entry.external_id)) if entry.external_id else None
        if at is not None and at - entry.at > LATEST_DEPARTURE:
            yield "rule 4", f"AddOrder had its effect {at - entry.at} after its intent"
    by_unknown = [at for number, at in made.items() if number not in _named(facts, "AddOrder")]
    unclear = [entry.at for entry in facts.journal.get("AddOrder", ()) if not entry.external_id]
    for at in by_unknown:
        if not any(timedelta() <= at - intended <= LATEST_DEPARTURE for intended in unclear):
            yield "rule 4", f"an AddOrder had its effect at {at}, intents were at {unclear}"
    intended_accepts = [entry.at for entry in facts.journal.get("AcceptOrder", ())]
    for accepted in facts.accepted if "accepted by hand" not in facts.order.done else ():
        if not any(timedelta() <= accepted.at - at <= LATEST_DEPARTURE for at in intended_accepts):
            yield "rule 4", f"AcceptOrder had its effect at {accepted.at}, intents were at {intended_accepts}"
    asked = [entry.at for entry in facts.journal.get("activate_esim", ())]
    stopped_on_the_line = any("freebit" in point for _, point in facts.played.world.froze)
    for effect in facts.requested if not stopped_on_the_line else ():
        if not any(timedelta() <= effect.at - intended <= LATEST_DEPARTURE for intended in asked):
            yield "rule 4", f"a line was asked for at {effect.at}, intents were at {asked}"


def _quiet(facts: OrderFacts) -> Check:
    """Rule 5: after an unclear write nothing is sent again before the quiet period has passed."""
    for call, quiet in QUIET.items():
        entries = sorted(facts.journal.get(call, ()), key=lambda entry: entry.id)
        for entry, following in pairwise(entries):
            scope, next_scope = (one.fingerprint.partition(":")[0] for one in (entry, following))
            may_land = entry.state in ("started", "unknown") and not _surely_unsent(entry)
            if may_land and scope == next_scope and following.at - entry.at < quiet:
                yield "rule 5", f"{call} was sent again {following.at - entry.at} after an unclear one"


def _surely_unsent(entry: JournalEntry) -> bool:
    return entry.evidence.get("left") is False or entry.evidence.get("sent") == "no"


def _named(facts: OrderFacts, call: str) -> set[int]:
    return {int(entry.external_id) for entry in facts.journal.get(call, ()) if entry.external_id}


def _timeline(facts: OrderFacts) -> Check:
    """Every stage that fulfillment recorded stands in the timeline once: events are neither lost nor taken twice."""
    world = facts.played.world
    recorded = Counter(
        (event.stage, event.attempt)
        for event in world.rows["fulfillment"].database.events
        if isinstance(event, ProvisioningProgressed)
        and event.order_id == facts.order.order_id
        and event.stage != "absorbed"
    )
    for (stage, attempt), times in recorded.items():
        if stage in ONCE and times > 1:
            yield "I10", f"tells its customer {times} times of {stage} in attempt {attempt}"
    entries = world.rows["orders"].tables["book"].timelines.get(facts.order.order_id, ())
    shown = Counter(
        entry.kind.removeprefix("provisioning.") for entry in entries if entry.kind.startswith("provisioning.")
    )
    for absorbed in ("absorbed", "ignored"):
        del shown[absorbed]
    wanted: Counter[str] = Counter()
    for (stage, _), times in recorded.items():
        wanted[stage] += times
    if shown != wanted:
        yield "I10", f"has {dict(shown)} in its timeline, fulfillment recorded {dict(wanted)}"


ORDER_CHECKS: Final[tuple[Callable[[OrderFacts], Check], ...]] = (
    _one_of_each,
    _sims,
    _systems_agree,
    _mails,
    _nothing_stuck,
    _nothing_unwanted,
    _reviewed,
    _only_forward,
    _intents,
    _in_time,
    _quiet,
    _timeline,
)
