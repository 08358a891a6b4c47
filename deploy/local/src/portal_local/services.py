"""Which processes make the portal, beside NATS, Postgres and Redis."""

from dataclasses import dataclass
from typing import Final

SANDBOX: Final = "sandbox"
BUS_ADMIN: Final = "bus-admin"
GATEWAY: Final = "gateway"


@dataclass(frozen=True)
class LocalService:
    """One service: `python -m portal_<name>`."""

    name: str
    database: bool = True
    """Has a database and a role of its own, both called like it."""
    salesforce: bool = False
    whmcs: bool = False
    freebit: bool = False
    sendgrid: bool = False

    @property
    def module(self) -> str:
        """The package that is run."""
        return f"portal_{self.name}"


SERVICES: Final = (
    LocalService("identity", salesforce=True),
    LocalService("catalog", salesforce=True),
    LocalService("orders", salesforce=True),
    LocalService("billing", whmcs=True),
    LocalService("fulfillment", freebit=True),
    LocalService("support", database=False, salesforce=True),
    LocalService("notifications", sendgrid=True),
    LocalService("changefeed", salesforce=True),
    LocalService(GATEWAY, database=False),
)
"""A test holds this against the topology; importing that here would make every start wait for pydantic."""


def modules() -> dict[str, str]:
    """Every Python process's module by name."""
    return {SANDBOX: "portal_sandbox", BUS_ADMIN: "portal_bus_admin"} | {one.name: one.module for one in SERVICES}
