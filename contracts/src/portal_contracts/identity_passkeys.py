"""Passkeys (WebAuthn level 3): made by a signed-in customer, then good for logging in and stepping up on their own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from portal_contracts.identity import OpenedSession, RequestId, Token
from portal_contracts.message import Acknowledged, CustomerCommand, Message, PublicCommand
from portal_contracts.values import ShortText


class PasskeyChallenge(Message):
    """What the browser hands to the authenticator; good once, for five minutes."""

    challenge_id: Token
    options: Mapping[str, Any] = Field(
        description="JSON for `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`"
    )


class PasskeyAnswer(Message):
    """What the authenticator said to a challenge."""

    challenge_id: Token
    credential: Mapping[str, Any] = Field(description="`PublicKeyCredential.toJSON()`", repr=False)


class Passkey(Message):
    """One of a customer's passkeys."""

    passkey_id: str
    name: ShortText
    made_at: datetime
    last_used_at: datetime | None = None


class BeginPasskey(CustomerCommand[PasskeyChallenge]):
    """Get a challenge to make a passkey with. Refused with LIMIT_REACHED when there are ten."""

    subject: ClassVar[str] = "identity.passkey.begin.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId


class PasskeyForm(Message):
    """A new passkey and what its owner calls it."""

    answer: PasskeyAnswer
    name: ShortText = "Passkey"


class AddPasskey(CustomerCommand[Passkey]):
    """Keep a new passkey. Refused with PASSKEY_REFUSED when challenge or credential do not fit."""

    subject: ClassVar[str] = "identity.passkey.add.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: PasskeyForm
    client_address: str


class RemovePasskey(CustomerCommand[Acknowledged]):
    """Forget one of the caller's passkeys. Refused with NOT_FOUND for anybody else's."""

    subject: ClassVar[str] = "identity.passkey.remove.v1"
    key: ClassVar[str] = "passkey_id"
    passkey_id: str
    client_address: str


class BeginPasskeyLogIn(PublicCommand[PasskeyChallenge]):
    """Get a challenge to log in or step up with. It names nobody, so it tells nobody anything (D18)."""

    subject: ClassVar[str] = "identity.passkey_login.begin.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    client_address: str


class LogInWithPasskey(PublicCommand[OpenedSession]):
    """Open a session with a passkey; it stands for password and second factor. Refused with CREDENTIALS_WRONG."""

    subject: ClassVar[str] = "identity.passkey_login.finish.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    answer: PasskeyAnswer
    client_address: str
    user_agent: Annotated[str, StringConstraints(max_length=400)] = ""
