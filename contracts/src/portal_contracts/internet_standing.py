"""Whether an account may order an Internet line: what orders tells the catalog."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from portal_contracts.billing import PositiveId
from portal_contracts.eligibility import EligibilityState
from portal_contracts.message import Message, ServiceQuery
from portal_contracts.values import SalesforceId


class InternetStanding(Message):
    """What stands in the way of an Internet line, if anything (R080, R082, C14, C25)."""

    eligibility: EligibilityState
    types: Sequence[str] = Field(
        default=(), description="Plan types staff found possible, in their words, e.g. `Home 1G`"
    )
    service_id: int | None = Field(
        default=None, description="WHMCS service of the line there is: active, pending or suspended"
    )
    order_id: SalesforceId | None = Field(default=None, description="The open order of a line, where there is one")


class FindInternetStanding(ServiceQuery[InternetStanding]):
    """Tell whether an account may order Internet. WHMCS and Salesforce are read, so keep the answer for a while.

    Raises TryLater while one of them is away.
    """

    subject: ClassVar[str] = "orders.internet_standing.find.v1"
    account_id: SalesforceId
    whmcs_client_id: PositiveId
    internet_products: Sequence[PositiveId] = Field(
        default=(), description="WHMCS products that are Internet plans, besides the groups orders knows"
    )
