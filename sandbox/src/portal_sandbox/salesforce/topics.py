"""Topic names and what stands behind them (reference/salesforce.md 4.9, 4.11, 4.12)."""

import re
from dataclasses import dataclass

from portal_sandbox.salesforce.avro_schemas import change_event_schema, platform_event_schema
from portal_sandbox.salesforce.event_bus import Topic
from portal_sandbox.salesforce.schema import Schema

ALL_CHANGES = "/data/ChangeEvents"
WITHOUT_CHANGE_EVENTS = frozenset({"CaseComment", "ContentDocument", "Organization", "Task"})
_CHANGES = re.compile(r"/data/(\w+)ChangeEvent")
_EVENT = re.compile(r"/event/(\w+__e)")


@dataclass(frozen=True, slots=True)
class KnownTopic:
    """A topic of this org; `schema` is None for the channel that mixes objects."""

    topic: Topic
    schema: tuple[str, str] | None
    can_publish: bool


def find_topic(schema: Schema, name: str) -> KnownTopic | None:
    """The topic of that name in an org as its user sees it, or None.

    An object that is not selected still has one: it stays silent.
    """
    if name == ALL_CHANGES:
        return KnownTopic(Topic("change", None), None, can_publish=False)
    changes, event = _CHANGES.fullmatch(name), _EVENT.fullmatch(name)
    match = changes or event
    item = schema.find(match[1]) if match else None
    if item is None or item.platform_event is not (event is not None) or item.name in WITHOUT_CHANGE_EVENTS:
        return None
    if event is not None:
        return KnownTopic(Topic("event", item.name), platform_event_schema(item), can_publish=item.createable)
    return KnownTopic(Topic("change", item.name), change_event_schema(item), can_publish=False)
