"""Proof that somebody knows a WHMCS log-in, for linking an existing account (C21)."""

from typing import ClassVar

from pydantic import Field

from portal_contracts.identity import Password, RequestId
from portal_contracts.message import Message, ServiceCommand
from portal_contracts.values import EmailAddress, PersonName


class ProvenLogin(Message):
    """A WHMCS log-in whose password was right, and the client it owns."""

    whmcs_client_id: int
    email: EmailAddress = Field(description="The user's address in WHMCS")
    name: PersonName
    customer_number: str = Field(description="From the client's custom field; empty when there is none")
    second_factor: bool = Field(description="WHMCS asks this user for a second factor")


class CheckLogin(ServiceCommand[ProvenLogin]):
    """Prove a WHMCS password, once: it is in this request alone, never stored or logged (R045). A try counts in WHMCS.

    Refused with CREDENTIALS_WRONG, or LINKING_NOT_POSSIBLE when the user owns no client or several. Asking again with
    the same password is harmless. Source: reference whmcs.md 4.4.
    """

    subject: ClassVar[str] = "billing.login.check.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    email: EmailAddress
    password: Password
