"""One HTTP request while it is worked on: what came in, who sent it, and asking on its behalf."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from portal_chassis.actor import Actor
from portal_chassis.clocks import MachineClock
from portal_chassis.validation import BODY, refused_field, refused_input
from portal_contracts.identity import RequestId
from portal_contracts.message import Message, Request
from portal_contracts.problems import PortalProblem, ProblemReply, Refused, from_reply
from portal_contracts.topology import SERVICES
from portal_gateway.call_rates import CallGroup, CallRate
from portal_gateway.client_address import client_address
from portal_gateway.cookies import Cookies
from portal_gateway.forgery import ForgeryGuard
from portal_gateway.limits import InFlight
from portal_gateway.micro_cache import Kept, MicroCache
from portal_gateway.operation import SERVICE, Operation
from portal_gateway.ports import Asks
from portal_gateway.reply import JSON, NO_STORE, Receive, Reply, Scope
from portal_gateway.sessions import Sessions, SignedIn
from portal_gateway.settings import GatewaySettings
from portal_gateway.signed_calls import SignedCalls
from portal_gateway.timeline_streams import TimelineStreams

BODY_LIMIT: Final = 64 * 1024
"""Bytes of a request's body."""
_LENGTH_DIGITS: Final = 12
QUERY_FIELDS: Final = 50
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
_REQUEST_ID: Final[TypeAdapter[str]] = TypeAdapter(RequestId)
_EMPTY: Final = b"{}"
ANSWERING_ALIKE: Final = tuple(one.name for one in SERVICES.values() if one.database)
"""Services whose dead letters and operator actions can be asked for."""

M = TypeVar("M", bound=Message)
R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class Gateway:
    """What all requests share."""

    bus: Asks
    sessions: Sessions
    cache: MicroCache
    cookies: Cookies
    guard: ForgeryGuard
    requests: InFlight
    rates: Mapping[CallGroup, CallRate]
    writes: InFlight
    strangers_writes: InFlight
    streams: TimelineStreams
    clock: MachineClock
    settings: GatewaySettings
    signed_calls: SignedCalls | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is signed in, and with which token they said so."""

    token: str
    session: SignedIn

    @property
    def actor(self) -> Actor:
        """The customer or operator."""
        return self.session.actor


class Exchange:
    """One request. `caller` is set before an operation's answer runs, when there is one."""

    __slots__ = ("_receive", "caller", "gateway", "headers", "operation", "scope")

    def __init__(self, gateway: Gateway, operation: Operation, scope: Scope, receive: Receive) -> None:
        self.gateway = gateway
        self.operation = operation
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.caller: Caller | None = None
        self.scope = scope
        self._receive = receive

    # who

    @property
    def client_address(self) -> str:
        """The client's IP address."""
        return client_address(self.scope, self.gateway.settings.trusted_proxies)

    def signed_in(self) -> Caller:
        """Give who is signed in, of the kind the operation is for; Refused SESSION_REQUIRED when nobody is."""
        if self.caller is None:
            raise Refused("SESSION_REQUIRED")
        return self.caller

    # what

    async def body(self, model: type[M]) -> M:
        """Read and check the JSON body.

        Refused BAD_REQUEST naming fields, UNSUPPORTED_MEDIA_TYPE or PAYLOAD_TOO_LARGE.
        """
        self._check_media_type()
        return _parsed(model, await self.raw_body())

    def body_of(self, model: type[M], raw: bytes) -> M:
        """Check a body that was read as `raw_body` and may be empty. Refused as in `body`."""
        if raw:
            self._check_media_type()
        return _parsed(model, raw or _EMPTY)

    def _check_media_type(self) -> None:
        kind = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        compressed = self.headers.get(b"content-encoding", b"identity").lower() != b"identity"
        if compressed or (kind != b"application/json" and not kind.endswith(b"+json")):
            raise Refused("UNSUPPORTED_MEDIA_TYPE")

    def message(self) -> bytes:
        """Give the operation's message as path and query say it. Refused NOT_FOUND for an id no thing can have."""
        operation = self.operation
        if not operation.message.model_fields:
            return _EMPTY
        message = self.completed(**self.query())
        return message.__pydantic_serializer__.to_json(message)

    def completed(self, **given: Any) -> Request[Any]:
        """Build the operation's message of the path and what is given. Refused NOT_FOUND as in `message`."""
        operation = self.operation
        in_path = operation.path_parameters
        try:
            message = self._message_class().model_validate({**given, **self.scope["path_params"]})
        except ValidationError as error:
            if any(fault["loc"][:1] and fault["loc"][0] in in_path for fault in error.errors()):
                raise Refused("NOT_FOUND") from None
            raise refused_input(error) from None
        for name, field in {**operation.query_parameters, **in_path}.items():
            if not _storable(getattr(message, field)):
                raise Refused("NOT_FOUND") if name in in_path else refused_field(name, "nothing kept can be like it")
        return message

    def _message_class(self) -> type[Request[Any]]:
        """Give the class to ask; the path may name the service. Refused NOT_FOUND for one that does not answer it."""
        of_service = self.operation.of_service
        if of_service is None:
            return self.operation.message
        service = self.scope["path_params"][SERVICE]
        if service not in ANSWERING_ALIKE:
            raise Refused("NOT_FOUND")
        return of_service(service)

    def request_id(self) -> str:
        """Give the client's Idempotency-Key, or a key of our own for a client that sent none."""
        return self.idempotency_key() or str(uuid4())

    def idempotency_key(self) -> str | None:
        """Give the client's Idempotency-Key. Refused BAD_REQUEST when it has a wrong form."""
        header = self.headers.get(b"idempotency-key")
        if header is None:
            return None
        try:
            return _REQUEST_ID.validate_python(header.decode("latin-1"))
        except ValidationError:
            raise refused_field(IDEMPOTENCY_KEY, "8 to 255 visible ASCII characters are expected") from None

    def user_agent(self) -> str:
        """Give what the client calls itself, without what could disturb a log."""
        text = self.headers.get(b"user-agent", b"").decode("latin-1")
        return "".join(letter for letter in text if letter.isprintable())[:400]

    # asking

    async def ask(self, message: Request[R]) -> R:
        """Ask for the caller; raises what the other side raised."""
        with self._place():
            return await self.gateway.bus.ask(
                message, timeout=self.gateway.settings.request_seconds, actor=self._actor_token()
            )

    async def ask_bytes(self, message: bytes) -> bytes:
        """Ask the operation's message for the caller and give the reply unparsed; raises its problem."""
        with self._place():
            raw = await self.gateway.bus.ask_bytes(
                self._message_class(),
                message,
                timeout=self.gateway.settings.request_seconds,
                actor=self._actor_token(),
            )
        if raw.problem is not None:
            raise _problem_of(raw.body)
        return raw.body

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold back what strangers change, such as a flood of log-ins: identity hashes few passwords at once.

        Only while a service works at it: a stranger may send a body slowly, and must not keep others out by that.
        """
        if not self.operation.by_strangers:
            yield
            return
        places, name = self.gateway.strangers_writes, self.operation.name
        places.enter(name)
        try:
            yield
        finally:
            places.leave(name)

    async def command(self, **given: Any) -> bytes:
        """Ask the operation's command, made of the path and what is given; raises its problem."""
        command = self.completed(**given, request_id=self.request_id())
        return await self.ask_bytes(command.__pydantic_serializer__.to_json(command))

    async def pass_through(self) -> Reply:
        """Ask what path and query say; kept and conditional where the operation declares it."""
        message = self.message()
        policy = self.operation.cache
        if policy is None:
            return Reply(self.operation.status, await self.ask_bytes(message), [JSON, NO_STORE])
        user = self.signed_in().actor.user_id if policy.scope == "actor" else ""
        kept = await self.gateway.cache.read(
            self.operation.name, user, message, policy, lambda: self.ask_bytes(message)
        )
        return self._conditional(kept, policy.scope)

    def _conditional(self, kept: Kept, scope: str) -> Reply:
        """Answer 304 to who has it already. Clients may keep it but must ask each time."""
        headers = [(b"cache-control", f"{scope.replace('actor', 'private')}, no-cache".encode()), (b"etag", kept.etag)]
        if scope == "actor":
            headers.append((b"vary", b"cookie, authorization"))
        held = self.headers.get(b"if-none-match")
        if held is not None and _matches(held, kept.etag):
            return Reply(304, b"", headers)
        return Reply(self.operation.status, kept.body, [JSON, *headers])

    def _actor_token(self) -> str | None:
        return self.caller.session.actor_token if self.caller is not None else None

    def query(self) -> dict[str, Any]:
        """Give the message's fields in the query string; a name that comes twice is refused rather than guessed at."""
        operation = self.operation
        raw = self.scope["query_string"]
        if not raw:
            return {}
        try:
            pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=QUERY_FIELDS, errors="strict")
        except ValueError:
            raise refused_field("query", "a query string in UTF-8 is expected") from None
        values: dict[str, Any] = {}
        for name, value in pairs:
            if name not in operation.query_parameters:
                continue
            if name in values:
                raise refused_field(name, "it is given twice")
            values[name] = value
        return values

    async def raw_body(self, limit: int = BODY_LIMIT) -> bytes:
        """Read the body as it was sent. Refused PAYLOAD_TOO_LARGE before more than `limit` bytes are read."""
        declared = self.headers.get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > _LENGTH_DIGITS or int(declared) > limit:
            raise Refused("PAYLOAD_TOO_LARGE", facts={"limit": limit})
        parts: list[bytes] = []
        size = 0
        while True:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise refused_field(BODY, "it ended early")
            part = event.get("body", b"")
            size += len(part)
            if size > limit:
                raise Refused("PAYLOAD_TOO_LARGE", facts={"limit": limit})
            parts.append(part)
            if not event.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


def _parsed(model: type[M], raw: bytes) -> M:
    try:
        return model.__pydantic_validator__.validate_json(raw)  # type: ignore[no-any-return]  # pydantic types it Any
    except ValidationError as error:
        raise refused_input(error) from None
    except ValueError:  # text that is no UTF-8
        raise refused_field(BODY, "JSON in UTF-8 is expected") from None


def _matches(held: bytes, etag: bytes) -> bool:
    """Whether If-None-Match names the ETag; proxies may have made it weak."""
    if held == etag:
        return True
    return any(part.strip().removeprefix(b"W/") in {etag, b"*"} for part in held.split(b","))


def _problem_of(body: bytes) -> PortalProblem:
    return from_reply(ProblemReply.__pydantic_validator__.validate_json(body))


def _storable(value: object) -> bool:
    """Whether a database can hold it: numbers of 64 bits, texts without NUL."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not isinstance(value, str) or "\x00" not in value
