import asyncio
from collections.abc import Mapping
from typing import Any, Final

from portal_chassis.bus import Bus
from portal_contracts.billing import EnsureClient, ListClientServices, ReadClientProfile
from portal_contracts.billing_logins import CheckLogin, ProvenLogin
from portal_contracts.billing_profile import ChangeClientEmail
from portal_contracts.forgetting import FindOpenBusiness, OpenBusiness
from portal_contracts.identity import SignupForm
from portal_contracts.personal_data_exports import ExportCases, ExportInvoices, ExportLines, ExportMails, ExportOrders
from portal_contracts.support import CaseType, OpenStaffCase
from portal_identity.ports import BilledProfile, ChangedMailbox

PAID_ONCE: Final = "one_time"
RUNNING: Final = frozenset({"pending", "active", "suspended", "unknown"})
"""A service of one of these needs its customer; what is paid once, such as a fee, stays active for ever."""
ENSURE_SECONDS = 20.0
"""AddClient may take long; the process waits, the customer sees `working` meanwhile."""
EXPORT_SECONDS: Final = 8.0
CHANGE_SECONDS: Final = 15.0
"""A read and a write in WHMCS."""


class BusBilling:
    """The `Billing` port: billing, asked over the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ensure_client(self, customer_number: str, form: SignupForm) -> int:
        """Ask for the client; the key is the Customer Number, so asking again is harmless."""
        command = EnsureClient(
            customer_number=customer_number,
            email=form.email,
            name=form.name,
            company=form.company,
            phone=form.phone,
            address=form.address,
            locale=form.locale,
        )
        return (await self._bus.ask(command, timeout=ENSURE_SECONDS)).whmcs_client_id

    async def prove_login(self, request_id: str, email: str, password: str) -> ProvenLogin:
        """Ask billing, whose WHMCS is; the password is in this one request alone."""
        return await self._bus.ask(CheckLogin(request_id=request_id, email=email, password=password), timeout=10.0)

    async def profile(self, whmcs_client_id: int) -> Mapping[str, Any]:
        """Ask for the profile."""
        profile = await self._bus.ask(ReadClientProfile(whmcs_client_id=whmcs_client_id))
        return profile.model_dump(mode="json", by_alias=True)

    async def billed_profile(self, whmcs_client_id: int) -> BilledProfile:
        """Ask for the profile, live."""
        profile = await self._bus.ask(ReadClientProfile(whmcs_client_id=whmcs_client_id))
        return BilledProfile(profile.phone, profile.address)

    async def change_email(self, request_id: str, changed: ChangedMailbox) -> None:
        """Ask for the change."""
        command = ChangeClientEmail(
            request_id=request_id,
            whmcs_client_id=changed.whmcs_client_id,
            former_emails=changed.former,
            email=changed.email,
        )
        await self._bus.ask(command, timeout=CHANGE_SECONDS)

    async def has_services(self, whmcs_client_id: int) -> bool:
        """Ask for the services, live."""
        found = await self._bus.ask(ListClientServices(whmcs_client_id=whmcs_client_id))
        return any(one.state in RUNNING and one.billing_cycle != PAID_ONCE for one in found.subscriptions)


class BusOwners:
    """The `Owners` port: the services that keep something of a customer, asked over the bus at the same time."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def export(self, account_id: str, whmcs_client_id: int) -> Mapping[str, Any]:
        """Ask all of them."""
        answers = await asyncio.gather(
            self._bus.ask(ExportOrders(account_id=account_id), timeout=EXPORT_SECONDS),
            self._bus.ask(ExportCases(account_id=account_id), timeout=EXPORT_SECONDS),
            self._bus.ask(ExportInvoices(whmcs_client_id=whmcs_client_id), timeout=EXPORT_SECONDS),
            self._bus.ask(ExportMails(account_id=account_id), timeout=EXPORT_SECONDS),
            self._bus.ask(ExportLines(account_id=account_id), timeout=EXPORT_SECONDS),
        )
        return {
            name: value for answer in answers for name, value in answer.model_dump(mode="json", by_alias=True).items()
        }

    async def open_business(self, account_id: str) -> OpenBusiness:
        """Ask orders, which may have to fetch orders from before the portal first."""
        return await self._bus.ask(FindOpenBusiness(account_id=account_id), timeout=EXPORT_SECONDS)


class BusStaffDesk:
    """The `StaffDesk` port: support, asked over the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def open_case(
        self, key: str, account_id: str | None, title: str, description: str, *, kind: CaseType = "general_inquiry"
    ) -> str:
        """Ask support to open a case."""
        command = OpenStaffCase(case_key=key, account_id=account_id, type=kind, title=title, description=description)
        return (await self._bus.ask(command, timeout=10.0)).case_id
