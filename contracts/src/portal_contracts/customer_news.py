"""What happened to a customer's services and cases that the customer is told by mail (R196, R214, R266)."""

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from portal_contracts.billing import PositiveId
from portal_contracts.catalog import LocalizedText
from portal_contracts.message import Event
from portal_contracts.values import SalesforceId


class EligibilityChanged(Event):
    """An eligibility check came to a result, or to another one (C25, R196)."""

    subject: ClassVar[str] = "orders.eligibility.changed.v1"
    change_id: str = Field(description="One for each result: a repeat of it carries the same")
    account_id: SalesforceId
    status: Literal["eligible", "not_eligible"]


class CancellationProgressed(Event):
    """A cancellation was taken, moved to another day, given up, or has come to its end (C22, C27, C33)."""

    subject: ClassVar[str] = "orders.cancellation.progressed.v1"
    cancellation_id: str
    account_id: SalesforceId
    order_id: SalesforceId = Field(description="The order the service came from")
    stage: Literal["requested", "rescheduled", "withdrawn", "completed"]
    ends_on: date = Field(description="Last day of the service, in Japan")


class ServiceCancellationProgressed(Event):
    """As CancellationProgressed, of a service that no order of the portal's knows: bought before the portal."""

    subject: ClassVar[str] = "orders.service_cancellation.progressed.v1"
    cancellation_id: str
    account_id: SalesforceId
    service_id: PositiveId
    name: LocalizedText = Field(description="The service, as WHMCS calls it")
    stage: Literal["requested", "rescheduled", "withdrawn", "completed"]
    ends_on: date = Field(description="Last day of the service, in Japan")


class CaseUpdated(Event):
    """Staff wrote to a customer's case or changed how it stands; what was written is read in the portal alone."""

    subject: ClassVar[str] = "support.case.updated.v1"
    update_id: str = Field(description="One for each change: a repeat of it carries the same")
    case_id: SalesforceId
    account_id: SalesforceId
    case_number: str
    change: Literal["answered", "closed", "reopened"]
