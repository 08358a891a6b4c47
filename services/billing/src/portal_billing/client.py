"""What billing knows of a WHMCS client, and whether the portal made it. No I/O."""

from dataclasses import dataclass, field
from typing import Final

from portal_contracts.values import Address, PersonName, comparable_email

MADE_BY: Final = "customer-portal sign-up"
"""Opens the admin-only note of clients that the portal makes; it is read back to know them again."""


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client to be made."""

    customer_number: str
    email: str
    name: PersonName
    company: str
    phone: str | None
    address: Address
    locale: str


@dataclass(frozen=True, slots=True)
class Client:
    """A client as WHMCS has it."""

    id: int
    email: str
    customer_number: str
    notes: str = field(default="", repr=False)
    closed: bool = False

    def made_for(self, customer_number: str, email: str) -> bool:
        """Whether the portal made this client for this customer.

        The admin-only note says so even when the portal's own journal was lost; the number may still be missing, when
        WHMCS ignored a wrongly mapped field.
        """
        return (
            self.notes.startswith(made_by(customer_number))
            and comparable_email(self.email) == comparable_email(email)
            and self.customer_number in ("", customer_number)
        )


def made_by(customer_number: str) -> str:
    """Give the note of a client the portal makes."""
    return f"{MADE_BY} {customer_number}."
