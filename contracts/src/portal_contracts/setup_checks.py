"""The doctor's question: whether what the portal needs at its vendors, and of itself, is set up (R298-R302, D07).

Whoever owns a vendor checks its own part; every service answers `<service>.setup.check.v1`.
"""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from portal_contracts.message import Message
from portal_contracts.operators import OperatorQuery, Permission

SetupResult = Literal["passed", "failed", "unknown"]


class SetupCheck(Message):
    """One line of the doctor: something that must be set up, whether it is, and what to do when it is not."""

    id: str = Field(
        description="`<vendor>.<thing>`, the same for ever", examples=["salesforce.Order.Activation_Status__c"]
    )
    what: str = Field(description="What must be so, in one plain English sentence")
    result: SetupResult = Field(description="unknown: it could not be asked, for instance because nobody may log in")
    detail: str = Field(description="What was seen; no secret and no personal data")
    fix: str = Field(description="Who does what when it is not so")


class SetupReport(Message):
    """What one service found, in the order a person would mend it."""

    checks: Sequence[SetupCheck]
    category: str = Field(default="", description="Of the product asked about, from catalog alone: internet, sim, vpn")
    whmcs_product_id: int = Field(default=0, description="The same; 0 when there is none")


class CheckSetupBase(OperatorQuery[SetupReport]):
    """Look at a service's vendors and settings now, or at one product's launch chain (R090-R092, R180, R302).

    Changes nothing anywhere. Always answers: what cannot be reached is `unknown`.
    """

    permission: ClassVar[Permission] = "setup.read"
    sku: Annotated[str, StringConstraints(max_length=180)] = Field(
        default="", description="StockKeepingUnit of a product; empty: the whole set-up", examples=["SIM-DATA-ESIM-10G"]
    )
    category: Annotated[str, StringConstraints(max_length=20)] = Field(
        default="", description="What catalog said of the product, for the services asked after it"
    )
    whmcs_product_id: int = Field(default=0, ge=0, description="The same")


@cache
def check_setup(service: str) -> type[CheckSetupBase]:
    """Give a service's request class, `<service>.setup.check.v1`."""
    body: dict[str, Any] = {
        "subject": f"{service}.setup.check.v1",
        "__module__": __name__,
        "__doc__": CheckSetupBase.__doc__,
    }
    return type("CheckSetup", (CheckSetupBase,), body)


CHECKED: Final = (
    "gateway",
    "identity",
    "catalog",
    "orders",
    "billing",
    "fulfillment",
    "support",
    "notifications",
    "changefeed",
)
"""The services that answer, in the order the doctor prints them."""
