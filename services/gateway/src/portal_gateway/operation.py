"""One operation of the HTTP API as a row of a table: routing, checks, caching and OpenAPI all read it from here."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import create_model

from portal_contracts.message import Audience, Message, Request, reply_type
from portal_gateway.call_rates import CallGroup
from portal_gateway.micro_cache import CachePolicy
from portal_gateway.reply import Reply, StreamReply, json_reply

if TYPE_CHECKING:
    from portal_gateway.exchange import Exchange

Answer = Callable[["Exchange"], Awaitable[Reply | StreamReply]]
_PARAMETER: Final = re.compile(r"{(\w+)}")
FILE: Final = "application/octet-stream"
"""The media type of an operation that gives or takes a file, whatever it turns out to be."""
_BESIDE_A_FILE: Final = ("request_id", "content")
"""What an upload's message gets from header and body."""
BY_THE_GATEWAY: Final = "client_address"
"""A field that only the gateway fills."""
SERVICE: Final = "service"
"""The path's name for the service that is asked, where many answer alike."""


async def pass_through(exchange: "Exchange") -> Reply:
    """Ask with what path and query say and give the reply's bytes as they are."""
    return await exchange.pass_through()


async def send_command(exchange: "Exchange") -> Reply:
    """Ask the command that path, body and Idempotency-Key make and give the reply's bytes as they are."""
    operation = exchange.operation
    body = {} if operation.body is None else dict(await exchange.body(operation.body))
    return json_reply(await exchange.command(**body), operation.status)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What one method of one path does.

    `message` is what is asked on the bus; its audience decides whose session is needed, unless `for_audience` says
    otherwise. `body` is what the client sends, where that differs from nothing. `replies` says what each status means;
    the first is the usual one. `of_service` gives the message of the service the path names, where many answer alike;
    `message` is then one of them. `signed` calls need no session: a signature says who calls. `step_up`: only when the
    session's owner proved who they are lately (architecture §9). `scope` opens an operation of identity to API tokens.
    `upload`: the body is a file of at most so many bytes. `vendors`: problems of vendors the owner does not always ask.
    `call_group`: what it is counted with for each network; exactly what needs no session has one (D18).
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    message: type[Request[Any]]
    answer: Answer = pass_through
    body: type[Message] | None = None
    reply: type[Message] | None = None
    replies: Mapping[int, str] = field(default_factory=lambda: {200: "Done"})
    cache: CachePolicy | None = None
    idempotency_key: bool = False
    media_type: str = "application/json"
    problems: tuple[str, ...] = ()
    reply_headers: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""
    operation_id: str = ""
    tag: str = ""
    for_audience: Audience | None = None
    of_service: Callable[[str], type[Request[Any]]] | None = None
    signed: bool = False
    step_up: bool = False
    scope: str | None = None
    upload: int | None = None
    vendors: tuple[str, ...] = ()
    call_group: CallGroup | None = None

    def __post_init__(self) -> None:
        """Let nothing be public without a limit."""
        if self.needs_session == (self.call_group is not None):
            raise ValueError(f"{self.name}: exactly what needs no session has a call_group")

    @cached_property
    def name(self) -> str:
        """Method and path template: the name of spans, metrics and cache entries."""
        return f"{self.method} {self.path}"

    @property
    def owner(self) -> str:
        """The service that answers."""
        return self.message.subject.split(".", 1)[0]

    @cached_property
    def audience(self) -> Audience:
        """Whose session is needed."""
        return self.for_audience or self.message.audience

    @cached_property
    def by_strangers(self) -> bool:
        """Whether it changes something for whoever asks, without a session or a signature."""
        return self.changes and not self.needs_session and not self.signed

    @cached_property
    def permission(self) -> str | None:
        """What an operator's roles must grant."""
        return getattr(self.message, "permission", None)

    @cached_property
    def api_scope(self) -> str | None:
        """What an API token must be made for; None where no token is enough.

        What is sensitive, and an account's own security, is for people alone.
        """
        if self.audience != "customer" or self.step_up:
            return None
        if self.scope is not None or self.owner == "identity":
            return self.scope
        return f"{self.owner}:{'write' if self.changes else 'read'}"

    @cached_property
    def needs_session(self) -> bool:
        """Whether only somebody signed in may."""
        return self.audience != "public"

    @cached_property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"

    @property
    def status(self) -> int:
        """The usual status."""
        return next(iter(self.replies))

    @property
    def reply_model(self) -> type[Message]:
        """What a client gets."""
        return self.reply or reply_type(self.message)

    @property
    def path_parameters(self) -> dict[str, str]:
        """Names of the message's fields by their name in the path."""
        aliases = {info.alias or name: name for name, info in self.message.model_fields.items()}
        return {name: aliases[name] for name in _PARAMETER.findall(self.path) if name != SERVICE}

    @property
    def query_parameters(self) -> dict[str, str]:
        """Names of the message's fields by their name in the query string; only beside a file may a body have any."""
        if self.changes and self.upload is None:
            return {}
        beside = _BESIDE_A_FILE if self.upload is not None else ()
        elsewhere = {BY_THE_GATEWAY, *self.path_parameters.values(), *beside}
        return {info.alias or name: name for name, info in self.message.model_fields.items() if name not in elsewhere}


def without(message: type[Request[Any]], *left_out: str) -> type[Message]:
    """Make the model of a body: the message without what only the gateway may say."""
    fields: dict[str, Any] = {
        name: (info.annotation, info) for name, info in message.model_fields.items() if name not in left_out
    }
    return create_model(f"{message.__name__}Body", __base__=Message, __doc__=message.__doc__, **fields)
