"""What other services tell identity of an account's security, for the list its customer reads (R050)."""

from datetime import datetime
from typing import ClassVar, Final, Literal

from pydantic import Field

from portal_contracts.message import Event
from portal_contracts.values import SalesforceId

BillingNote = Literal["sso_link_asked", "address_changed", "profile_changed"]
FulfillmentNote = Literal["esim_code_shown", "esim_reissue_asked"]


class BillingNoted(Event):
    """Billing did something for a customer that its owner may want to read of. It carries no link and no address."""

    subject: ClassVar[str] = "billing.account.noted.v1"
    whmcs_client_id: int = Field(description="Whose it is")
    what: BillingNote
    at: datetime


class FulfillmentNoted(Event):
    """Fulfillment did something for a customer that its owner may want to read of. It carries no code."""

    subject: ClassVar[str] = "fulfillment.account.noted.v1"
    account_id: SalesforceId = Field(description="Whose it is")
    what: FulfillmentNote
    at: datetime


NOTED: Final[tuple[type[Event], ...]] = (BillingNoted, FulfillmentNoted)
"""What identity writes into its audit."""
