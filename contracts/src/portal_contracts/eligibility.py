"""Internet eligibility: what a customer asks for, and what staff found at the address (R181–R196, C25)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from portal_contracts.catalog import LocalizedText, Product
from portal_contracts.identity import RequestId
from portal_contracts.message import CustomerCommand, CustomerQuery, Message, Request
from portal_contracts.orders import WhoActs
from portal_contracts.values import PERSONAL, Address, LongText

EligibilityState = Literal["not_requested", "pending", "eligible", "not_eligible"]
EligibilitySpeed = Literal["standard", "express"]


class Eligibility(Message):
    """How a customer's eligibility check stands. Staff's notes are never in it (R195)."""

    state: EligibilityState
    status: LocalizedText = Field(description="The same in words for the customer")
    who_acts: WhoActs
    types: Sequence[str] = Field(default=(), description="What is available, in staff's words, e.g. `Home 1G`")
    products: Sequence[Product] = Field(default=(), description="Plans on sale that the result allows (R190)")
    speed: EligibilitySpeed | None = Field(default=None, description="Of the check asked for here")
    requested_at: datetime | None = None
    due_by: datetime | None = Field(default=None, description="By when staff mean to have a result (R191, R192)")
    checked_at: datetime | None = None
    disputed: bool = Field(default=False, description="The customer doubts this result and a supervisor looks at it")


class ReadEligibility(CustomerQuery[Eligibility]):
    """Tell how the caller's eligibility check stands (R190). Slowed by SALESFORCE_UNAVAILABLE, never partly."""

    subject: ClassVar[str] = "orders.eligibility.read.v1"


class RequestEligibility(CustomerCommand[Eligibility]):
    """Ask staff what is available at an address (R181–R185). While one check is open it is the same one.

    Refused with ELIGIBILITY_ALREADY_CHECKED when this address has a result, which may be disputed instead, and with
    ADDRESS_NOT_CONFIRMED when neither the request nor the profile has an address.
    """

    subject: ClassVar[str] = "orders.eligibility.request.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    speed: EligibilitySpeed = "standard"
    address: Address | None = Field(default=None, description="Another address than the profile's, e.g. before moving")
    note: Annotated[LongText, StringConstraints(max_length=1000), PERSONAL] | None = Field(
        default=None, description="The customer's words to staff", examples=["The building was finished this year."]
    )


class DisputeEligibility(CustomerCommand[Eligibility]):
    """Doubt the result: a supervisor looks at it (R132), once for a result. Refused with ELIGIBILITY_NO_RESULT."""

    subject: ClassVar[str] = "orders.eligibility.dispute.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    reason: Annotated[LongText, StringConstraints(max_length=1000), PERSONAL]


ASKED_THROUGH_THE_GATEWAY: Final[tuple[type[Request[Any]], ...]] = (
    ReadEligibility,
    RequestEligibility,
    DisputeEligibility,
)
