"""What fulfillment announces: how provisioning goes."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from portal_contracts.catalog import Category
from portal_contracts.message import Event
from portal_contracts.values import SalesforceId

ProvisioningStage = Literal[
    "started", "reserved", "sim_requested", "sim_active", "accepted", "blocked", "needs_human", "failed", "absorbed"
]


class ProvisioningProgressed(Event):
    """An order's provisioning reached a stage, is blocked, or absorbed another signal (R171, §2.1)."""

    subject: ClassVar[str] = "fulfillment.provisioning.progressed.v1"
    order_id: SalesforceId
    attempt: int
    stage: ProvisioningStage
    code: str | None = Field(default=None, description="Problem code of a blocked, failed or parked order")
    facts: Mapping[str, str | int] = Field(default_factory=dict)
    source: str | None = Field(default=None, description="The signal a started or absorbed entry came from")
    occurred_at: datetime


class OrderActivated(Event):
    """An order is active, billed and written back everywhere."""

    subject: ClassVar[str] = "fulfillment.order.activated.v1"
    order_id: SalesforceId
    account_id: SalesforceId
    whmcs_order_id: int
    whmcs_service_id: int
    category: Category
    occurred_at: datetime
