"""WHMCS's clients in memory. One e-mail has one client, as in WHMCS."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from portal_billing.client import Client, NewClient, made_by
from portal_billing.testing.faults import Fates
from portal_contracts.problems import Refused
from portal_contracts.values import Address, comparable_email
from portal_contracts.whmcs_orders import BilledClient


@dataclass(slots=True)
class FakeClients:
    """The Clients port."""

    fates: Fates
    ignore_fields: bool = False
    ignore_fields_of_updates: bool = False
    clients: dict[int, Client] = field(default_factory=dict)
    addresses: dict[int, Address] = field(default_factory=dict)
    profiles: dict[int, tuple[str | None, str | None]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)

    def have(self, client: Client) -> None:
        """Put a client there by hand."""
        self.clients[client.id] = client

    async def find(self, email: str) -> Client | None:
        """Find by e-mail."""
        return await self.fates.read("GetClientsDetails", lambda: self._of(email))

    def _of(self, email: str) -> Client | None:
        wanted = comparable_email(email)
        return next((client for client in self.clients.values() if comparable_email(client.email) == wanted), None)

    async def create(self, new: NewClient, *, send_by: float) -> int:
        """Make a client unless the e-mail is taken."""
        made = await self.fates.write("AddClient", lambda: self._make(new), send_by=send_by)
        if made is None:
            raise Refused("BILLING_ACCOUNT_EXISTS")
        return made

    def _make(self, new: NewClient) -> int | None:
        if self._of(new.email) is not None:
            return None
        number = max(self.clients, default=5000) + 1
        kept = "" if self.ignore_fields else new.customer_number
        self.clients[number] = Client(number, new.email, kept, made_by(new.customer_number))
        self.created.append(new.customer_number)
        return number

    async def set_customer_number(self, client_id: int, customer_number: str) -> None:
        """Write the field."""
        if not self.ignore_fields_of_updates:
            self.clients[client_id] = replace(self.clients[client_id], customer_number=customer_number)

    async def change_address(self, client_id: int, address: Address) -> None:
        """Write the address."""
        if client_id not in self.clients:
            raise Refused("NOT_FOUND")
        self.addresses[client_id] = address

    async def change_email(self, client_id: int, email: str) -> None:
        """Write the address unless somebody else has it."""
        if client_id not in self.clients:
            raise Refused("NOT_FOUND")
        holder = self._of(email)
        if holder is not None and holder.id != client_id:
            raise Refused("BILLING_ACCOUNT_EXISTS")
        self.clients[client_id] = replace(self.clients[client_id], email=email)

    async def change_profile(self, client_id: int, *, company: str | None, phone: str | None) -> None:
        """Write company and phone."""
        if client_id not in self.clients:
            raise Refused("NOT_FOUND")
        self.profiles[client_id] = (company, phone)


@dataclass(slots=True)
class FakeBilledClients:
    """The BilledClients port. A number without a client is one that was deleted."""

    fates: Fates
    clients: dict[int, BilledClient | None] = field(default_factory=dict)

    async def ids(self) -> Sequence[int]:
        """List all."""
        return await self.fates.read("GetUsers", lambda: sorted(self.clients))

    async def read(self, client_id: int) -> BilledClient | None:
        """Read one."""
        return await self.fates.read("compare", lambda: self.clients.get(client_id))
