from portal_chassis.bus import Bus
from portal_contracts.billing import EnsureClient
from portal_contracts.identity import SignupForm
from portal_contracts.support import OpenStaffCase

ENSURE_SECONDS = 20.0
"""AddClient may take long; the process waits, the customer sees `working` meanwhile."""


class BusBilling:
    """The `Billing` port: billing, asked over the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ensure_client(self, form: SignupForm) -> int:
        """Ask for the client; the key is the Customer Number, so asking again is harmless."""
        command = EnsureClient(
            customer_number=form.customer_number,
            email=form.email,
            name=form.name,
            company=form.company,
            phone=form.phone,
            address=form.address,
            locale=form.locale,
        )
        return (await self._bus.ask(command, timeout=ENSURE_SECONDS)).whmcs_client_id


class BusStaffDesk:
    """The `StaffDesk` port: support, asked over the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def open_case(self, key: str, account_id: str, title: str, description: str) -> str:
        """Ask support to open a case."""
        command = OpenStaffCase(
            case_key=key, account_id=account_id, type="general_inquiry", title=title, description=description
        )
        return (await self._bus.ask(command, timeout=10.0)).case_id
