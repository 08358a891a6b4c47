"""How customers change what WHMCS knows of them, and how others hear that it changed."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from portal_contracts.billing import ClientProfile, PositiveId
from portal_contracts.identity import RequestId
from portal_contracts.message import Acknowledged, CustomerCommand, Event, ServiceCommand
from portal_contracts.values import PERSONAL, EmailAddress, Line, PhoneNumber


class ChangeOwnProfile(CustomerCommand[ClientProfile]):
    """Change the caller's company and phone number in WHMCS and give the profile as WHMCS has it then (R007).

    What is left out stays. The name is changed by staff, the e-mail address with the log-in, the address by
    `billing.profile.change_address.v1`. Refused with BAD_REQUEST naming what WHMCS does not accept; TryLater
    IN_PROGRESS while another change is written.
    """

    subject: ClassVar[str] = "billing.profile.change.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    company: Annotated[Line, StringConstraints(max_length=80), PERSONAL] | None = Field(
        default=None, description="Empty removes it", examples=["Example K.K."]
    )
    phone: PhoneNumber | None = None


class ChangeClientEmail(ServiceCommand[Acknowledged]):
    """Give a client's e-mail address in WHMCS its new form, where one of the customer's former ones stands.

    WHMCS is looked at first: another address was put there by staff and stays, and one that is there already is not
    written. The log-in of WHMCS's user is another thing and stays. Refused with NOT_FOUND, BILLING_ACCOUNT_EXISTS when
    another client has the address, BAD_REQUEST when WHMCS does not accept it; TryLater WHMCS_UNAVAILABLE, also when it
    is not known whether the write landed: asking again is harmless. Source: reference whmcs.md 4.3.
    """

    subject: ClassVar[str] = "billing.client.change_email.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    whmcs_client_id: PositiveId
    former_emails: Sequence[EmailAddress]
    email: EmailAddress


class ProfileChanged(Event):
    """The portal has changed a client's address, profile or e-mail address in WHMCS.

    Who keeps a copy asks `billing.client.read.v1`. Changes that are made in WHMCS itself are not told.
    """

    subject: ClassVar[str] = "billing.profile.changed.v1"
    whmcs_client_id: int
