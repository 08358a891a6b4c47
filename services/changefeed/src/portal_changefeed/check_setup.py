"""What the doctor finds out about the event bus (R275, R299, C24): topics, selected objects, the publishing Flow."""

from collections.abc import Callable
from typing import Final

from portal_changefeed.failures import StreamFailed
from portal_changefeed.pubsub import GrpcPubSub
from portal_changefeed.salesforce_setup import NEEDS
from portal_changefeed.topics import CHANGES, PROVISION_EVENT, PROVISION_TOPIC
from portal_chassis.setup_checks import Line, Look, seen
from portal_contracts.problems import Misconfigured, PortalProblem
from portal_contracts.setup_checks import SetupCheck
from portal_salesforce import Salesforce, soql
from portal_salesforce.setup_checks import Part, org_look

ORDER_LABELS: Final = frozenset({"Order", "注文"})
"""What an org in English or Japanese calls the object whose Flow publishes."""
_AFTER_SAVE: Final = "RecordAfterSave"
_REFUSED: Final = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})
"""A topic that is NOT_FOUND is one the user may not read, which has a line of its own."""
_MAY_SEE_SETUP: Final = "To let the doctor see it, give the integration user View Setup and Configuration."
_EVENT_BUS: Final = Line(
    "salesforce.pubsub",
    f"The Pub/Sub API takes the integration user's token and lets it subscribe to {PROVISION_EVENT} (R275).",
    "Check SF_PUBSUB_ENDPOINT and the way out to it; the Connected App must issue opaque tokens, not JWTs.",
)
_SELECTED: Final = {
    entity: Line(
        f"salesforce.change_events.{entity}",
        f"Changes of {entity} are announced (C24).",
        f"Select {entity} in Setup, Change Data Capture (deploy/salesforce has the channel member). {_MAY_SEE_SETUP}",
    )
    for entity in CHANGES
}
_FLOW: Final = Line(
    "salesforce.flow",
    f"A record-triggered Flow on Order, which publishes {PROVISION_EVENT} at approval, is active (R299).",
    f"Activate the Order Approval Flow in Setup, Flows (deploy/salesforce). {_MAY_SEE_SETUP}",
)


def event_look(salesforce: Salesforce, pubsub: Callable[[], GrpcPubSub]) -> Look:
    """Give changefeed's look at the org and its event bus."""
    return org_look(
        salesforce,
        NEEDS,
        Part((_EVENT_BUS,), lambda: _topic(pubsub())),
        Part(tuple(_SELECTED.values()), lambda: _selections(salesforce)),
        Part((_FLOW,), lambda: _flow(salesforce)),
    )


async def _topic(pubsub: GrpcPubSub) -> list[SetupCheck]:
    try:
        may = await pubsub.may_subscribe(PROVISION_TOPIC)
    except Misconfigured as problem:
        return [_EVENT_BUS.failed(seen(problem))]
    except PortalProblem as problem:
        return [_EVENT_BUS.unknown(seen(problem))]
    except StreamFailed as failure:
        return [_EVENT_BUS.failed(str(failure)) if failure.status in _REFUSED else _EVENT_BUS.unknown(str(failure))]
    finally:
        await pubsub.close()
    return [_EVENT_BUS.is_so(may, "" if may else "the topic says that we may not")]


async def _selections(salesforce: Salesforce) -> list[SetupCheck]:
    """Ask the Tooling API for the members of the standard channel (its reference: PlatformEventChannelMember)."""
    standard = soql.equals("EventChannel", "ChangeEvents")
    query = soql.select("PlatformEventChannelMember", "SelectedEntity").where(standard)
    try:
        members = {str(record["SelectedEntity"]) for record in await salesforce.tooling_query(query)}
    except PortalProblem as problem:
        return [line.unknown(seen(problem)) for line in _SELECTED.values()]
    return [
        line.is_so(f"{entity}ChangeEvent" in members, f"selected are {', '.join(sorted(members)) or 'none'}")
        for entity, line in _SELECTED.items()
    ]


async def _flow(salesforce: Salesforce) -> list[SetupCheck]:
    """Ask for active Flows (object reference: FlowDefinitionView); what a Flow does inside nobody can ask."""
    query = soql.select("FlowDefinitionView", "ApiName", "TriggerObjectOrEventLabel", "ActiveVersionId")
    try:
        found = await salesforce.query(query.where(soql.equals("TriggerType", _AFTER_SAVE)))
    except PortalProblem as problem:
        return [_FLOW.unknown(seen(problem))]
    on_orders = [record for record in found if record["TriggerObjectOrEventLabel"] in ORDER_LABELS]
    active = [str(record["ApiName"]) for record in on_orders if record["ActiveVersionId"]]
    names = ", ".join(str(record["ApiName"]) for record in on_orders) or "none"
    return [_FLOW.is_so(bool(active), f"active: {', '.join(active)}" if active else f"on Order there is: {names}")]
