"""Signed events that a hook file in WHMCS posts (C28, whmcs.md 7.2). They clear copies and do nothing else."""

from typing import Annotated, ClassVar

from pydantic import Base64UrlBytes, Field, StringConstraints

from portal_contracts.message import Acknowledged, PublicCommand


class TakeWhmcsHook(PublicCommand[Acknowledged]):
    """Take an event as it was sent: the raw body with the headers that vouch for it. Harmless to repeat.

    Billing verifies the signature; nothing in the event is believed, it only clears what billing keeps of the client it
    names, or of the client whose invoice it names. Any other is taken and ignored.

    Refused with SIGNATURE_INVALID, SIGNED_CALL_EXPIRED (more than 300 s from our clock), BAD_REQUEST, and NOT_FOUND
    where no secret is set up; TryLater when the copies could not be cleared.
    """

    subject: ClassVar[str] = "billing.hook.take.v1"
    key: ClassVar[str] = "event_id"
    event_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{8,64}$")] = Field(
        description="The same in a repeat, and in the body", examples=["0f6f1c1e-6b1f-4f0e-9d8e-0a1b2c3d4e5f"]
    )
    timestamp: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,14}$")] = Field(
        description="When it was signed, in whole Unix seconds", examples=["1767225600"]
    )
    signature: Annotated[str, StringConstraints(pattern=r"^v1=[0-9a-f]{64}$")] = Field(
        description="HMAC-SHA256 of timestamp, full stop and raw body", examples=["v1=" + "0" * 64]
    )
    body: Base64UrlBytes = Field(description="As it came", examples=["e30="])
