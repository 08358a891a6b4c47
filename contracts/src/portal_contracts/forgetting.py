"""Forgetting a customer whose account is deleted: what each service tells of it, and what stands in the way (D17)."""

from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import Field

from portal_contracts.message import Event, Message, ServiceQuery
from portal_contracts.values import SalesforceId


class OpenBusiness(Message):
    """What is still under way for a customer, by number."""

    orders: int = Field(default=0, description="Orders and checkouts in review or being set up")
    cancellations: int = Field(default=0, description="Cancellations that have not come to their end")


class FindOpenBusiness(ServiceQuery[OpenBusiness]):
    """Tell what is under way for an account: until it is over its customer is not deleted (D17)."""

    subject: ClassVar[str] = "orders.open_business.find.v1"
    account_id: SalesforceId


class CustomerForgotten(Event):
    """A service has forgotten a customer, as far as it may. Counts and the service's own fixed words, nothing else."""

    user_id: str = Field(description="The deleted user's, as in `identity.customer.erased.v1`")
    removed: Mapping[str, int] = Field(
        description="Rows removed or blanked, by what they were", examples=[{"carts": 1}]
    )
    kept: Mapping[str, int] = Field(description="Rows that stay, by what they are", examples=[{"orders": 2}])
    because: str = Field(default="", description="Why they stay: a law, or the proof that something is done once")


class OrdersForgotten(CustomerForgotten):
    """Orders has forgotten a customer: every order of theirs was over."""

    subject: ClassVar[str] = "orders.customer.forgotten.v1"


class BillingForgotten(CustomerForgotten):
    """Billing has forgotten a customer; the client in WHMCS is for staff."""

    subject: ClassVar[str] = "billing.customer.forgotten.v1"


class FulfillmentForgotten(CustomerForgotten):
    """Fulfillment has forgotten a customer and their lines; the operator's own records are not the portal's."""

    subject: ClassVar[str] = "fulfillment.customer.forgotten.v1"


class SupportForgotten(CustomerForgotten):
    """Support has forgotten a customer; the cases themselves are in Salesforce."""

    subject: ClassVar[str] = "support.customer.forgotten.v1"


class NotificationsForgotten(CustomerForgotten):
    """Notifications has forgotten a customer's preferences and what became of mails."""

    subject: ClassVar[str] = "notifications.customer.forgotten.v1"


FORGOTTEN: Final[tuple[type[CustomerForgotten], ...]] = (
    OrdersForgotten,
    BillingForgotten,
    FulfillmentForgotten,
    SupportForgotten,
    NotificationsForgotten,
)
"""One for each service that keeps something about customers beside identity."""
