"""Creates and re-creates streams and durable consumers, so that they are what the topology says."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from portal_contracts.message import Event
from portal_contracts.topology import SERVICES, ServiceTopology, durable_name, owner_of, stream_of

DAY: Final = 24 * 3600.0
MAX_AGE: Final = 14 * DAY
"""Seconds an event stays in its stream: twice as long as an outbox can fill it again."""
DUPLICATE_WINDOW: Final = 120.0
"""Seconds in which a repeated `Nats-Msg-Id` is dropped; beyond that the inbox does it."""
ACK_WAIT: Final = 30.0
"""Seconds until an unacknowledged event is delivered again."""
_MAX_ACK_PENDING: Final = 2000

_STREAM_FIELDS: Final = ("subjects", "max_age", "duplicate_window", "discard", "storage", "retention", "num_replicas")
_CONSUMER_FIELDS: Final = ("filter_subject", "ack_policy", "ack_wait", "max_deliver", "max_ack_pending")


def stream_configs(services: Mapping[str, ServiceTopology] = SERVICES, *, replicas: int = 1) -> dict[str, StreamConfig]:
    """Give the stream of every service that records events; its subjects are those events, one by one.

    `replicas` is on how many servers of a cluster each stream lies; its durables follow it.
    """
    return {
        service.stream: StreamConfig(
            name=service.stream,
            subjects=sorted({event.subject for event in service.records}),
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=MAX_AGE,
            duplicate_window=DUPLICATE_WINDOW,
            num_replicas=replicas,
        )
        for service in services.values()
        if service.records
    }


def consumer_configs(services: Mapping[str, ServiceTopology] = SERVICES) -> dict[tuple[str, str], ConsumerConfig]:
    """Give the durable of every consumed event by (stream, durable).

    Delivering all is what a re-created durable needs: what had been taken is in the inboxes.
    """
    return {
        (stream_of(owner_of(event.subject)), durable_name(service.name, event)): _durable(service.name, event)
        for service in services.values()
        for event in service.consumes
    }


def _durable(service: str, event: type[Event]) -> ConsumerConfig:
    name = durable_name(service, event)
    return ConsumerConfig(
        name=name,
        durable_name=name,
        filter_subject=event.subject,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT,
        max_deliver=-1,
        max_ack_pending=_MAX_ACK_PENDING,
    )


async def apply(
    jetstream: JetStreamContext, services: Mapping[str, ServiceTopology] = SERVICES, *, replicas: int = 1
) -> list[str]:
    """Create what is missing, correct what differs, and name what was done; nothing is ever deleted."""
    done: list[str] = []
    consumers = consumer_configs(services)
    for stream, config in stream_configs(services, replicas=replicas).items():
        done += await _apply_stream(jetstream, config)
        done += await _apply_consumers(
            jetstream, stream, [wanted for (owner, _), wanted in consumers.items() if owner == stream]
        )
    return done


async def _apply_stream(jetstream: JetStreamContext, config: StreamConfig) -> list[str]:
    try:
        info = await jetstream.stream_info(str(config.name))
    except NotFoundError:
        await jetstream.add_stream(config)
        return [f"created stream {config.name}"]
    if _differs(info.config, config, _STREAM_FIELDS):
        await jetstream.update_stream(info.config.evolve(**_wanted(config, _STREAM_FIELDS)))
        return [f"updated stream {config.name}"]
    return []


async def _apply_consumers(jetstream: JetStreamContext, stream: str, configs: Iterable[ConsumerConfig]) -> list[str]:
    present = {info.name: info.config for info in await jetstream.consumers_info(stream)}
    done: list[str] = []
    for config in configs:
        name = str(config.durable_name)
        existing = present.get(name)
        if existing is None:
            await jetstream.add_consumer(stream, config)
            done.append(f"created consumer {name}")
        elif _differs(existing, config, _CONSUMER_FIELDS):
            await jetstream.add_consumer(stream, existing.evolve(**_wanted(config, _CONSUMER_FIELDS)))
            done.append(f"updated consumer {name}")
    return done


def _wanted(config: Any, fields: Iterable[str]) -> dict[str, Any]:
    return {field: getattr(config, field) for field in fields}


def _differs(present: Any, wanted: Any, fields: Iterable[str]) -> bool:
    return any(_plain(getattr(present, field)) != _plain(getattr(wanted, field)) for field in fields)


def _plain(value: Any) -> Any:
    """The server answers enums as their text and lists in its own order."""
    if isinstance(value, list):
        return sorted(value)
    return getattr(value, "value", value)
