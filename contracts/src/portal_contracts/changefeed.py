"""What changefeed announces: hints that a Salesforce record changed, never its values."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from portal_contracts.message import Event
from portal_contracts.values import SalesforceId

ChangeKind = Literal["created", "updated", "deleted", "undeleted", "unknown"]


class RecordChanged(Event):
    """A record changed in Salesforce: a hint without values, so duplicates, gaps and order do not matter."""

    record_id: SalesforceId
    change: ChangeKind
    fields: Sequence[str] = Field(default=(), description="Names of the changed fields; empty when not known")
    by_us: bool = Field(description="The portal's own integration caused it")
    committed_at: datetime


class OrderChanged(RecordChanged):
    """An Order changed."""

    subject: ClassVar[str] = "changefeed.order.changed.v1"


class OrderItemChanged(RecordChanged):
    """An OrderItem changed."""

    subject: ClassVar[str] = "changefeed.order_item.changed.v1"


class ProductChanged(RecordChanged):
    """A Product2 changed."""

    subject: ClassVar[str] = "changefeed.product.changed.v1"


class PriceChanged(RecordChanged):
    """A PricebookEntry changed."""

    subject: ClassVar[str] = "changefeed.price.changed.v1"


class AccountChanged(RecordChanged):
    """An Account changed."""

    subject: ClassVar[str] = "changefeed.account.changed.v1"


class ProvisionEventReceived(Event):
    """`OrderProvisionRequested__e` arrived (R143–R153). A hint: the order is read before anything is done."""

    subject: ClassVar[str] = "changefeed.provision_event.received.v1"
    order_id: str = Field(description="OrderId__c as it came, 15 or 18 characters or nothing (R146)")
    event_id: str
    idempotency_key: str = Field(
        default="", description="IdemKey__c: kept as a request id, never used to tell duplicates (C20)"
    )
    correlation_id: str = ""
    requested_by: str = ""
    version: int | None = None
    occurred_at: datetime


class EventsMissed(Event):
    """Change events may be missing: whoever follows these records compares them with Salesforce (C29)."""

    subject: ClassVar[str] = "changefeed.events.missed.v1"
    topic: str
    reason: Literal["replay_position_lost", "gap_event", "undecodable"]
    detected_at: datetime
