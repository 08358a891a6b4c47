"""Every identity against every subject: nothing may be allowed that the topology does not say.

reference/reliability.md (c) §8 and finding 8; the expectations are written down here a second time, on purpose.
"""

import asyncio

import pytest

from portal_bus_admin import ADMIN, OPERATOR, create_keys, identities
from portal_bus_admin.provisioning import apply, consumer_configs, stream_configs
from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.operators import list_operator_actions
from portal_contracts.topology import OPERATOR as OPERATORS
from portal_contracts.topology import SERVICES, durable_name, owner_of, stream_of

STREAMS = sorted(stream_configs())
CONSUMERS = sorted(consumer_configs())
MESSAGES = {
    message.subject: message for service in SERVICES.values() for message in (*service.serves, *service.records)
}
LETTERS = {
    message.subject: service.name
    for service in SERVICES.values()
    if service.database
    for message in (*dead_letter_messages(service.name), list_operator_actions(service.name))
}
JETSTREAM = [
    *(
        f"$JS.API.STREAM.{verb}.{stream}"
        for verb in ("INFO", "CREATE", "UPDATE", "DELETE", "PURGE")
        for stream in STREAMS
    ),
    *(f"$JS.API.STREAM.MSG.{verb}.{stream}" for verb in ("GET", "DELETE") for stream in STREAMS),
    *(f"$JS.API.DIRECT.GET.{stream}" for stream in STREAMS),
    *(f"$JS.API.STREAM.SNAPSHOT.{stream}" for stream in STREAMS),
    *(f"$JS.API.CONSUMER.CREATE.{stream}" for stream in STREAMS),
    *(f"$JS.API.CONSUMER.CREATE.{stream}.thief" for stream in STREAMS),
    *(f"$JS.API.CONSUMER.CREATE.{stream}.thief.anything" for stream in STREAMS),
    *(f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.thief" for stream in STREAMS),
    *(
        f"$JS.API.CONSUMER.{verb}.{stream}.{durable}"
        for verb in ("INFO", "DELETE", "MSG.NEXT")
        for stream, durable in CONSUMERS
    ),
    *(f"$JS.ACK.{stream}.{durable}.1.1.1.1.1" for stream, durable in CONSUMERS),
    "$JS.API.INFO",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.CREATE.PORTAL_MINE",
    "$JS.API.ACCOUNT.PURGE.PORTAL",
    "$JS.API.SERVER.REMOVE",
    *(
        f"$JS.API.STREAM.{verb}.{stream}"
        for verb in ("LEADER.STEPDOWN", "PEER.REMOVE", "RESTORE")
        for stream in STREAMS
    ),
    *(f"$JS.API.CONSUMER.{verb}.{stream}.{durable}" for verb in ("PAUSE", "UNPIN") for stream, durable in CONSUMERS),
]
OTHER = [
    *(f"_INBOX.{name}.token" for name in identities()),
    "_INBOX.token",
    "$SYS.REQ.SERVER.PING",
    "$SYS.REQ.USER.INFO",
    "$SYS.ACCOUNT.$G.CONNECT",
    "$KV.portal.key",
    "$O.portal.C.object",
    "$JS.EVENT.ADVISORY.STREAM.DELETED.PORTAL_ORDERS",
    "$SRV.PING",
    "anything.at.all",
]
SUBJECTS = [*MESSAGES, *LETTERS, *JETSTREAM, *OTHER]


def may_publish(name: str, subject: str) -> bool:
    """The rule in words: own asks, own events; of JetStream one's own durables and the look at one's own stream."""
    if name == ADMIN:
        return subject in {
            *(f"$JS.API.STREAM.{verb}.{stream}" for verb in ("INFO", "CREATE", "UPDATE") for stream in STREAMS),
            *(f"$JS.API.CONSUMER.CREATE.{stream}.thief" for stream in STREAMS),
            *(f"$JS.API.CONSUMER.CREATE.{stream}.thief.anything" for stream in STREAMS),
            *(f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.thief" for stream in STREAMS),
            *(f"$JS.API.CONSUMER.INFO.{stream}.{durable}" for stream, durable in CONSUMERS),
        }
    if name == OPERATOR:
        return subject in {message.subject for message in OPERATORS.asks}
    if name not in SERVICES:
        return False
    service = SERVICES[name]
    allowed = {message.subject for message in (*service.asks, *service.records)}
    if service.records:
        allowed.add(f"$JS.API.STREAM.INFO.{stream_of(name)}")
    for event in service.consumes:
        consumer = f"{stream_of(owner_of(event.subject))}.{durable_name(name, event)}"
        allowed |= {
            f"$JS.API.CONSUMER.INFO.{consumer}",
            f"$JS.API.CONSUMER.MSG.NEXT.{consumer}",
            f"$JS.ACK.{consumer}.1.1.1.1.1",
        }
    return subject in allowed


def may_subscribe(name: str, subject: str, queue: str) -> bool:
    """Own requests as one's own queue group alone; watched events and one's own inbox in whatever group."""
    if subject == f"_INBOX.{name}.token":
        return True
    if name == ADMIN:
        return subject.startswith("$JS.EVENT.ADVISORY.STREAM.DELETED.")
    if name not in SERVICES:
        return False
    service = SERVICES[name]
    if subject in {event.subject for event in service.watches}:
        return True
    served = {message.subject for message in service.serves} | {one for one, owner in LETTERS.items() if owner == name}
    return subject in served and queue == name


@pytest.mark.parametrize("name", identities())
async def test_an_identity_publishes_exactly_what_the_topology_says(name, guarded_nats, identity):
    server = guarded_nats()
    admin = await identity(server.url, ADMIN)
    await apply(admin.client.jetstream())
    somebody = await identity(server.url, name)
    denied = await somebody.publish_all(SUBJECTS)
    expected = {subject.lower() for subject in SUBJECTS if not may_publish(name, subject)}
    assert sorted(denied - expected) == [], "denied although needed"
    assert sorted(expected - denied) == [], "allowed although nobody said so"


@pytest.mark.parametrize("name", identities())
async def test_an_identity_subscribes_exactly_to_what_the_topology_says(name, guarded_nats, identity):
    server = guarded_nats()
    somebody = await identity(server.url, name)
    wildcards = [
        ">",
        "*.>",
        "_INBOX.>",
        "$JS.>",
        "$JS.API.>",
        "$JS.ACK.>",
        "$KV.>",
        "$SYS.>",
        "*",
        "$JS.EVENT.ADVISORY.STREAM.DELETED.*",
        *(f"{one}.>" for one in SERVICES),
    ]
    for queue in ("", f" {name}", " thief"):
        subjects = [*MESSAGES, *LETTERS, *OTHER, *wildcards]
        denied = await somebody.subscribe_all([f"{subject}{queue}" for subject in subjects])
        expected = {subject.lower() for subject in subjects if not may_subscribe(name, subject, queue.strip())}
        assert sorted(denied - expected) == [], f"denied although needed, queue group{queue or ' none'}"
        assert sorted(expected - denied) == [], f"allowed although nobody said so, queue group{queue or ' none'}"


async def test_a_service_may_not_listen_in_on_requests_outside_its_queue_group(guarded_nats, identity):
    server = guarded_nats()
    billing = await identity(server.url, "billing")
    subject = SERVICES["billing"].serves[0].subject
    assert await billing.subscribe_all([f"{subject} billing"]) == set()
    assert await billing.subscribe_all([f"{subject} thief"]) == {subject}
    assert await billing.subscribe_all([subject]) == {subject}


async def test_a_stream_cannot_be_read_through_a_consumer_of_ones_own(guarded_nats, identity):
    """Finding 8: a consumer reads what its owner may not subscribe to, so nobody may create one."""
    server = guarded_nats()
    admin = await identity(server.url, ADMIN)
    await apply(admin.client.jetstream())
    thief = await identity(server.url, "support")
    jetstream = thief.client.jetstream(timeout=0.2)
    with pytest.raises((TimeoutError, asyncio.TimeoutError)):
        await jetstream.pull_subscribe("orders.>", durable="thief", stream="PORTAL_ORDERS")
    await thief.client.flush()
    assert thief.denied
    assert [
        info.name for info in await admin.client.jetstream().consumers_info("PORTAL_ORDERS") if info.name == "thief"
    ] == []


async def test_the_gateway_may_not_send_service_messages(guarded_nats, identity):
    server = guarded_nats()
    gateway = await identity(server.url, "gateway")
    service_messages = [
        message.subject for service in SERVICES.values() for message in service.serves if message.audience == "service"
    ]
    assert service_messages
    assert await gateway.publish_all(service_messages) == set(service_messages)


@pytest.mark.parametrize("name", ["gateway", OPERATOR])
async def test_operators_reach_every_service_with_a_database_and_no_other_services_messages(
    name, guarded_nats, identity
):
    """D13: dead letters and the list of what operators did, through the gateway and the command line."""
    server = guarded_nats()
    somebody = await identity(server.url, name)
    assert await somebody.publish_all(list(LETTERS)) == set()
    operators = [message.subject for message in MESSAGES.values() if getattr(message, "audience", "") == "operator"]
    assert operators
    assert await somebody.publish_all(operators) == set()


async def test_an_identity_the_topology_does_not_know_hears_its_inbox_and_nothing_else(
    guarded_nats, identity, keys_folder
):
    """What a test or a tool gets when it is given a key of its own."""
    create_keys(keys_folder, ["visitor"])
    server = guarded_nats(also=("visitor",))
    visitor = await identity(server.url, "visitor")
    assert await visitor.publish_all(SUBJECTS) == {subject.lower() for subject in SUBJECTS}
    assert await visitor.subscribe_all([*SUBJECTS, "_INBOX.visitor.>"]) == {subject.lower() for subject in SUBJECTS}


async def test_without_a_key_nobody_connects(guarded_nats):
    server = guarded_nats()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    greeting = await reader.readline()
    writer.write(b"CONNECT {}\r\nPING\r\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert b'"auth_required":true' in greeting
    assert answer == b"-ERR 'Authorization Violation'\r\n"
