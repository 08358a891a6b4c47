"""Which processes make the portal, beside NATS, Postgres and Redis."""

from dataclasses import dataclass
from typing import Final

SANDBOX: Final = "sandbox"
BUS_ADMIN: Final = "bus-admin"
GATEWAY: Final = "gateway"
VIEWER: Final = "viewer"


@dataclass(frozen=True)
class LocalService:
    """One service: `python -m portal_<name>`."""

    name: str
    database: bool = True
    """Has a database and a role of its own, both called like it."""
    cache: bool = False
    """Keeps copies in Redis, as a user of its own that is called like it."""
    salesforce: bool = False
    whmcs: bool = False
    freebit: bool = False
    sendgrid: bool = False

    @property
    def module(self) -> str:
        """The package that is run."""
        return f"portal_{self.name}"


SERVICES: Final = (
    LocalService("identity", cache=True, salesforce=True),
    LocalService("catalog", cache=True, salesforce=True),
    LocalService("orders", cache=True, salesforce=True),
    LocalService("billing", cache=True, whmcs=True),
    LocalService("fulfillment", freebit=True),
    LocalService("support", cache=True, salesforce=True),
    LocalService("notifications", sendgrid=True),
    LocalService("changefeed", salesforce=True),
    LocalService(GATEWAY, database=False),
)
"""A test holds this against the topology; importing that here would make every start wait for pydantic."""


def modules() -> dict[str, str]:
    """Every Python process's module by name; the viewer runs only where somebody looks."""
    own = {SANDBOX: "portal_sandbox", BUS_ADMIN: "portal_bus_admin", VIEWER: "portal_viewer"}
    return own | {one.name: one.module for one in SERVICES}
