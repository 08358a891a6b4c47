"""Publishes provisioning events as no healthy Flow would: copies, gaps, strange versions, old age (R146-R151, C20)."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from portal_sandbox.salesforce.ids import SHORT_LENGTH, STAFF_USER_ID
from portal_sandbox.salesforce.objects_orders import PROVISION_EVENT
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.transaction import Transaction

MOST_COPIES = 10_000
_ID_FORMS = ("long", "short", "none")


@dataclass(frozen=True, slots=True)
class EventDrill:
    """What to publish. `idem_key` empty: one for all copies; `different_keys`: one each."""

    order_id: str = ""
    copies: int = 1
    id_form: str = "long"
    different_keys: bool = False
    idem_key: str = ""
    correlation_id: str = ""
    requested_by: str = ""
    version: float | None = 1.0
    age_seconds: int = 0

    @classmethod
    def from_json(cls, asked: Mapping[str, object]) -> "EventDrill":
        """ValueError for an unknown name or a value of the wrong kind."""
        names = {_camel(name): name for name in cls.__dataclass_fields__}
        unknown = set(asked) - set(names)
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(names)}")
        values: dict[str, object] = {}
        for told, value in asked.items():
            name = names[told]
            wanted: type | tuple[type, ...] = type(getattr(cls(), name))
            if name == "version":
                wanted = (int, float, type(None))
            if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
                raise ValueError(f"{told} has the wrong type")
            values[name] = value
        drill = cls(**values)  # type: ignore[arg-type]  # checked against the fields above
        if drill.id_form not in _ID_FORMS or not 1 <= drill.copies <= MOST_COPIES or drill.age_seconds < 0:
            raise ValueError(
                f"idForm is one of {', '.join(_ID_FORMS)}; copies from 1 to {MOST_COPIES}; age not negative"
            )
        return drill

    def fields(self) -> dict[str, object]:
        """One event's fields; absent ones are null."""
        forms = {"long": self.order_id, "short": self.order_id[:SHORT_LENGTH], "none": None}
        return {
            "OrderId__c": forms[self.id_form],
            "IdemKey__c": f"{self.order_id}-{uuid.uuid4()}" if self.different_keys else self.idem_key or self.order_id,
            "CorrelationId__c": self.correlation_id or None,
            "RequestedBy__c": self.requested_by or None,
            "Version__c": self.version,
        }


async def publish(org: Org, drill: EventDrill) -> list[str]:
    """Publishes in one transaction; answers the events' ids. Older than the retention: they are never delivered."""

    def work(transaction: Transaction) -> list[str]:
        age = timedelta(seconds=drill.age_seconds)
        return [
            str(transaction.publish(PROVISION_EVENT, drill.fields(), age)["EventUuid"]) for _ in range(drill.copies)
        ]

    return await org.execute(org.caller(STAFF_USER_ID), work)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
