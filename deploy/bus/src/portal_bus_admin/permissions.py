"""What each identity may do on the bus: exactly what the topology says, and no more.

Nobody but the admin may create a consumer, because a consumer reads a whole stream whatever subjects its owner may
subscribe to (reference/reliability.md finding 8). Whoever reads events does it through a durable that was made for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from portal_bus_admin.identities import ADMIN, OPERATOR
from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.message import Request
from portal_contracts.operators import list_operator_actions
from portal_contracts.topology import OPERATOR as OPERATORS
from portal_contracts.topology import SERVICES, ServiceTopology, durable_name, owner_of, stream_of

_GATEWAY: Final = "gateway"


@dataclass(frozen=True, slots=True)
class Permissions:
    """Allowed subjects; everything else is denied. A subscription may name the queue group it is bound to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    answers: bool = False
    """May publish one reply to each message it received, wherever its sender wants it."""


def permissions_of(name: str, services: Mapping[str, ServiceTopology] | None = None) -> Permissions:
    """Give an identity's permissions; raises KeyError for a name nobody has."""
    services = SERVICES if services is None else services
    if name == ADMIN:
        return _admin(services)
    if name in services:
        return _service(services[name])
    return _operator(services) if name == OPERATOR else Permissions((), (_inbox(name),))


def _operator(services: Mapping[str, ServiceTopology]) -> Permissions:
    """What operators ask of anybody; every command of theirs still needs the token of one who signed in."""
    asks = [*OPERATORS.asks, *(message for service in services.values() for message in _answered_by_chassis(service))]
    return Permissions(tuple(dict.fromkeys(message.subject for message in asks)), (_inbox(OPERATOR),))


def _answered_by_chassis(service: ServiceTopology) -> tuple[type[Request[Any]], ...]:
    """What a service answers without a handler of its own."""
    if not service.database:
        return ()
    return (*dead_letter_messages(service.name), list_operator_actions(service.name))


def _service(service: ServiceTopology) -> Permissions:
    _check_audience(service)
    publish = [request.subject for request in service.asks]
    publish += [event.subject for event in service.records]
    if service.records:
        publish.append(f"$JS.API.STREAM.INFO.{service.stream}")
    for event in service.consumes:
        consumer = f"{stream_of(owner_of(event.subject))}.{durable_name(service.name, event)}"
        publish += [
            f"$JS.API.CONSUMER.MSG.NEXT.{consumer}",
            f"$JS.API.CONSUMER.INFO.{consumer}",
            f"$JS.ACK.{consumer}.>",
        ]
    serves = [request.subject for request in (*service.serves, *_answered_by_chassis(service))]
    subscribe = [_inbox(service.name)]
    subscribe += [f"{subject} {service.name}" for subject in serves]
    subscribe += [event.subject for event in service.watches]
    return Permissions(tuple(publish), tuple(subscribe), answers=bool(serves))


def _check_audience(service: ServiceTopology) -> None:
    """The gateway speaks for customers, so a service message in its hands would be a hole (architecture §4)."""
    if service.name != _GATEWAY:
        return
    for request in service.asks:
        if request.audience == "service":
            raise ValueError(f"the gateway may not ask {request.__name__}: it is a service message")


def _admin(services: Mapping[str, ServiceTopology]) -> Permissions:
    publish = []
    for service in services.values():
        if service.records:
            publish += [f"$JS.API.STREAM.{verb}.{service.stream}" for verb in ("CREATE", "UPDATE", "INFO")]
            publish += [
                f"$JS.API.CONSUMER.LIST.{service.stream}",
                f"$JS.API.CONSUMER.NAMES.{service.stream}",
                f"$JS.API.CONSUMER.INFO.{service.stream}.*",
                f"$JS.API.CONSUMER.CREATE.{service.stream}.>",
                f"$JS.API.CONSUMER.DURABLE.CREATE.{service.stream}.*",
            ]
    return Permissions(
        tuple(publish),
        (_inbox(ADMIN), "$JS.EVENT.ADVISORY.STREAM.DELETED.*", "$JS.EVENT.ADVISORY.CONSUMER.DELETED.*.*"),
    )


def _inbox(name: str) -> str:
    return f"_INBOX.{name}.>"
