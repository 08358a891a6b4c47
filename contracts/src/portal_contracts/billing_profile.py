"""How customers change what WHMCS knows of them, and how others hear that it changed."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from portal_contracts.billing import ClientProfile
from portal_contracts.identity import RequestId
from portal_contracts.message import CustomerCommand, Event
from portal_contracts.values import PERSONAL, Line, PhoneNumber


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


class ProfileChanged(Event):
    """The portal has changed a client's address or profile in WHMCS.

    Who keeps a copy asks `billing.client.read.v1`. Changes that are made in WHMCS itself are not told.
    """

    subject: ClassVar[str] = "billing.profile.changed.v1"
    whmcs_client_id: int
