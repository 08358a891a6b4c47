"""The drill: somebody holds catalog's key. Nothing on the bus lets them read or cause a billing command.

reference/reliability.md (c) §8. Billing answers through the chassis as in life; everything else is a raw client.
"""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from portal_bus_admin import ADMIN
from portal_bus_admin.provisioning import apply
from portal_chassis.bus import Bus, BusAddress
from portal_chassis.bus_metrics import ANSWER_PROBLEMS
from portal_contracts import billing
from portal_contracts.examples import example_of
from portal_contracts.topology import SERVICES

COMMANDS = (
    billing.EnsureClient,
    billing.ChangeClientAddress,
    billing.ReserveOrder,
    billing.AcceptOrder,
    billing.ReleaseOrder,
)
QUESTIONS = (billing.ReadClientProfile, billing.CheckPaymentMethod, billing.ListClientServices)
STREAMS = ("PORTAL_BILLING", "PORTAL_ORDERS", "PORTAL_CATALOG", "PORTAL_CHANGEFEED")
DURABLE_OF_BILLINGS_EVENT = "PORTAL_BILLING.fulfillment-whmcs-order-decided-v1"
OWN_DURABLE = "PORTAL_CHANGEFEED.catalog-changefeed-product-changed-v1"
QUESTION = billing.ListBillingProducts(whmcs_product_ids=[1]).model_dump_json().encode()
"""The one thing catalog may ask of billing."""

DENIED_WRITES = [
    *(message.subject for message in (*COMMANDS, *QUESTIONS)),
    "billing.whmcs_order.decided.v1",
    "_INBOX.billing.token",
    "_INBOX.orders.token",
    *(
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        for stream, durable in (("PORTAL_BILLING", "any"), ("PORTAL_ORDERS", "fulfillment-orders-order-placed-v1"))
    ),
    *(f"$JS.API.STREAM.{verb}.PORTAL_BILLING" for verb in ("INFO", "DELETE", "PURGE", "MSG.GET", "MSG.DELETE")),
    "$JS.API.DIRECT.GET.PORTAL_BILLING",
    "$JS.API.CONSUMER.CREATE.PORTAL_BILLING.thief.billing.>",
    "$JS.API.CONSUMER.DURABLE.CREATE.PORTAL_CHANGEFEED.thief",
    f"$JS.API.CONSUMER.DELETE.{OWN_DURABLE}",
    f"$JS.ACK.{DURABLE_OF_BILLINGS_EVENT}.1.1.1.1.1",
    "$KV.billing.key",
    "$SYS.REQ.ACCOUNT.PING.CONNZ",
]
DENIED_LISTENING = [
    *(f"{message.subject}{queue}" for message in COMMANDS for queue in ("", " billing", " catalog")),
    "billing.>",
    ">",
    "_INBOX.>",
    "_INBOX.billing.>",
    "_INBOX.*.*",
    "$JS.ACK.>",
    "$JS.API.>",
    "$JS.EVENT.>",
    "$SYS.>",
]


@dataclass
class Billing:
    """Billing at its desk, and what it was made to do."""

    bus: Bus
    done: list[str] = field(default_factory=list)


@pytest.fixture
async def scene(guarded_nats, identity, keys_folder):
    """Everything in place: (server, billing, the thief with catalog's key, the admin)."""
    server = guarded_nats()
    admin = await identity(server.url, ADMIN)
    await apply(admin.client.jetstream())
    topology = replace(
        SERVICES["billing"], serves=(*COMMANDS, billing.ListBillingProducts), asks=(), records=(), database=False
    )
    bus = Bus("billing", BusAddress(server.url, keys_folder / "billing.seed"), topology=topology)
    stage = Billing(bus)
    await bus.connect()
    for command in COMMANDS:

        @bus.answers(command)
        async def obey(message, call):
            stage.done.append(message.subject)

    @bus.answers(billing.ListBillingProducts)
    async def products(message, call):
        return billing.BillingProducts.model_validate(example_of(billing.BillingProducts))

    await bus.start()
    thief = await identity(server.url, "catalog")
    yield server, stage, thief, admin
    await bus.stop(within=1)


def arrived_at_commands():
    """How many messages of whatever shape came to billing's commands and were refused."""
    subjects = {command.subject for command in COMMANDS}
    samples = [sample for metric in ANSWER_PROBLEMS.collect() for sample in metric.samples]
    return sum(one.value for one in samples if one.name.endswith("_total") and one.labels["subject"] in subjects)


async def test_nothing_of_billings_can_be_sent_or_heard_with_catalogs_key(scene):
    _, stage, thief, _ = scene
    assert len(DENIED_WRITES) + len(DENIED_LISTENING) >= 30
    assert await thief.publish_all(DENIED_WRITES) == {subject.lower() for subject in DENIED_WRITES}
    wanted = {line.partition(" ")[0].lower() for line in DENIED_LISTENING}
    assert await thief.subscribe_all(DENIED_LISTENING) == wanted
    assert stage.done == []


async def test_what_catalog_may_ask_is_answered_to_its_own_inbox(scene):
    _, _, thief, _ = scene
    reply = await thief.client.request(billing.ListBillingProducts.subject, QUESTION, timeout=2)
    assert billing.BillingProducts.model_validate_json(reply.data)


async def test_an_answer_cannot_be_steered_onto_a_command(scene):
    """The bus lets a server answer wherever the asker says, and checks nobody's reply subject (seen on 2.15)."""
    _, _, thief, admin = scene
    before = arrived_at_commands()
    heard = await admin.client.subscribe("$JS.EVENT.ADVISORY.STREAM.DELETED.*")
    for command in COMMANDS:
        await thief.client.publish(billing.ListBillingProducts.subject, QUESTION, reply=command.subject)
    for stream in STREAMS:
        for verb in ("PURGE", "DELETE"):
            await thief.client.publish(
                billing.ListBillingProducts.subject, QUESTION, reply=f"$JS.API.STREAM.{verb}.{stream}"
            )
    await thief.client.request(billing.ListBillingProducts.subject, QUESTION, timeout=2)  # all before it was taken too
    await asyncio.sleep(0.05)  # for what would have been steered
    assert arrived_at_commands() == before
    for stream in STREAMS:
        await admin.client.jetstream().stream_info(stream)
    assert heard.pending_msgs == 0


async def test_a_streams_delivery_cannot_be_steered_onto_a_command(scene, identity):
    """An event whose body is a whole command, delivered by a durable that catalog may pull, to billing's subject."""
    server, stage, thief, admin = scene
    changefeed = await identity(server.url, "changefeed")
    for command in COMMANDS:
        body = command.model_validate(example_of(command)).model_dump_json().encode()
        await changefeed.client.publish("changefeed.product.changed.v1", body)
    await changefeed.client.flush()
    pull = f"$JS.API.CONSUMER.MSG.NEXT.{OWN_DURABLE}"
    for command in COMMANDS:
        await thief.client.publish(pull, b'{"batch": 1, "expires": 1000000000}', reply=command.subject)
        # What JetStream answers to a publication goes where its sender says, too.
        await thief.client.publish("catalog.catalog.changed.v1", b"{}", reply=command.subject)
    await thief.client.flush()
    async with asyncio.timeout(5):
        durable = OWN_DURABLE.split(".")
        while (await admin.client.jetstream().consumer_info(*durable)).num_ack_pending < len(COMMANDS):
            await asyncio.sleep(0.02)
    await thief.client.request(billing.ListBillingProducts.subject, QUESTION, timeout=2)
    assert thief.denied == []
    assert stage.done == []
