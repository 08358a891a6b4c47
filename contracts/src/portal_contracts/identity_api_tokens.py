"""Bearer tokens for programs of a customer: named, scoped, limited in time, revoked within seconds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from portal_contracts.identity import RequestId, Token
from portal_contracts.message import Acknowledged, CustomerCommand, CustomerQuery, Message
from portal_contracts.values import Line

ApiScope = Literal[
    "catalog:read",
    "identity:read",
    "orders:read",
    "orders:write",
    "billing:read",
    "billing:write",
    "support:read",
    "support:write",
    "fulfillment:read",
    "fulfillment:write",
    "notifications:read",
    "notifications:write",
]
SCOPE_ROLE = "scope:"
"""Begins the roles of an API token's actor, one for each scope; the gateway reads them."""


class ApiToken(Message):
    """One token, without its secret."""

    token_id: str
    name: str
    scopes: Sequence[ApiScope]
    made_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(default=None, description="To the minute")


class ApiTokenList(Message):
    """The caller's living tokens, the newest first."""

    tokens: Sequence[ApiToken]


class ListApiTokens(CustomerQuery[ApiTokenList]):
    """List the caller's API tokens."""

    subject: ClassVar[str] = "identity.api_token.list.v1"


class ApiTokenForm(Message):
    """What a new token is called, what it may do and for how long."""

    name: Annotated[Line, StringConstraints(min_length=1, max_length=60), Field(examples=["Bookkeeping"])]
    scopes: Annotated[Sequence[ApiScope], Field(min_length=1, max_length=20)]
    days: int = Field(default=90, ge=1, le=365)


class MadeApiToken(Message):
    """A fresh token. Its secret is in this answer alone."""

    token_id: str
    secret: Token = Field(description="Send it as `Authorization: Bearer`")
    expires_at: datetime


class MakeApiToken(CustomerCommand[MadeApiToken]):
    """Make an API token. A repeat makes another one in place of the first, whose secret may have been lost.

    Refused with LIMIT_REACHED when there are twenty.
    """

    subject: ClassVar[str] = "identity.api_token.make.v1"
    key: ClassVar[str] = "request_id"
    request_id: RequestId
    form: ApiTokenForm
    client_address: str


class RevokeApiToken(CustomerCommand[Acknowledged]):
    """End one of the caller's tokens everywhere, within 5 s. Refused with NOT_FOUND for anybody else's."""

    subject: ClassVar[str] = "identity.api_token.revoke.v1"
    key: ClassVar[str] = "token_id"
    token_id: str
    client_address: str
