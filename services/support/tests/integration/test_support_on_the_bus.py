"""The whole service on a real NATS and the sandbox's Salesforce over TLS, asked as the gateway asks."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_chassis.actor import Actor, ActorVerifier, sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_chassis.clocks import RealClock
from portal_chassis.health import Health
from portal_chassis.service import Service
from portal_chassis.settings import ChassisSettings
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_contracts.support import AddComment, ListCases, OpenCase, OpenStaffCase, ReadCase
from portal_contracts.topology import SERVICES, ServiceTopology
from portal_salesforce.soql import equals, select
from portal_support.main import wire

SIGNING_KEY = Ed25519PrivateKey.generate()
STAFF_ASKER = ServiceTopology("identity", asks=SERVICES["identity"].asks, database=False)


def open_case(request_id="request-0001", title="回線が遅い"):
    return OpenCase(request_id=request_id, title=title, description="夜だけ遅くなります。")


def add_comment(case_id="500000000000999AAA"):
    return AddComment(request_id="request-0002", case_id=case_id, text="まだ遅いです")


class Customer:
    """Somebody signed in at the gateway."""

    def __init__(self, bus, user_id, account_id):
        self._bus = bus
        self.account_id = account_id
        instant = datetime(2026, 11, 20, tzinfo=UTC)
        self._actor = Actor(user_id, 42, account_id, ("customer",), "session-example", instant, "ja")

    async def ask(self, message, timeout=5.0):  # noqa: ASYNC109 - it travels as a deadline
        return await self._bus.ask(message, timeout=timeout, actor=sign_actor(SIGNING_KEY, "k1", self._actor))


@pytest.fixture
async def gateway(nats_url, salesforce_environment, monkeypatch):
    """The gateway's place on the bus, with support answering."""
    for name, value in salesforce_environment.items():
        monkeypatch.setenv(name, value)
    settings = ChassisSettings(nats_url=nats_url)
    answering = Bus("support", BusAddress(nats_url), verifier=ActorVerifier({"k1": SIGNING_KEY.public_key()}))
    service = Service("support", settings, answering, RealClock(), Health())
    await answering.connect()
    await wire(service)
    await answering.start()
    asking = Bus("gateway", BusAddress(nats_url), topology=replace(SERVICES["gateway"], watches=()))
    await asking.connect()
    yield asking
    await asking.stop()
    await answering.stop()
    await service.close()


@pytest.fixture
async def customers(gateway, salesforce):
    found = []
    for number in (1, 2):
        condition = equals("SF_Account_No__c", f"SNX-1000{number}")
        account = await salesforce.query_one(select("Account", "Id").where(condition))
        found.append(Customer(gateway, f"7b6f5c7e-0000-4000-8000-00000000000{number}", account["Id"]))
    return found


async def test_a_customer_opens_a_case_lists_it_and_reads_it(customers, salesforce) -> None:  # R009, R219, R220, R223
    hanako, _ = customers
    opened = await hanako.ask(open_case())
    assert (opened.type, opened.subject, opened.closed) == ("general_inquiry", "回線が遅い", False)
    assert await hanako.ask(ReadCase(case_id=opened.case_id)) == opened
    assert [case.case_id for case in (await hanako.ask(ListCases())).cases][:1] == [opened.case_id]
    stored = await salesforce.read("Case", opened.case_id, ["Origin", "Type", "AccountId"])
    assert stored == {
        "Id": opened.case_id,
        "Origin": "Portal Website",  # C23
        "Type": "General Inquiry",
        "AccountId": hanako.account_id,
    }


async def test_the_same_request_sent_twice_is_one_case_and_no_rule_assigns_it(customers, heard) -> None:
    hanako, _ = customers
    first, second = await asyncio.gather(*(hanako.ask(open_case()) for _ in range(2)))
    assert first.case_id == second.case_id
    assert heard
    assert {headers["sforce-auto-assign"] for headers in heard} == {"false"}


async def test_another_customers_case_is_not_found_and_not_listed(customers) -> None:
    hanako, taro = customers
    opened = await hanako.ask(open_case())
    for case_id in (opened.case_id, "500000000000999AAA", hanako.account_id):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await taro.ask(ReadCase(case_id=case_id))
    assert opened.case_id not in [case.case_id for case in (await taro.ask(ListCases())).cases]


async def test_a_customer_comments_on_an_own_case_and_nobody_else_can(customers, salesforce) -> None:
    hanako, taro = customers
    case_id = (await hanako.ask(open_case())).case_id
    for _ in range(2):  # a repeat
        found = await hanako.ask(add_comment(case_id))
        assert [comment.text for comment in found.comments] == ["まだ遅いです"]
    with pytest.raises(Refused, match="NOT_FOUND"):
        await taro.ask(add_comment(case_id))
    condition = equals("ParentId", case_id)
    stored = await salesforce.query(select("CaseComment", "CommentBody", "IsPublished").where(condition))
    assert [(one["CommentBody"], one["IsPublished"]) for one in stored] == [("まだ遅いです", True)]


async def test_a_comment_whose_answer_was_lost_is_there_once_after_the_repeat(customers, sandbox) -> None:
    hanako, _ = customers
    case_id = (await hanako.ask(open_case())).case_id
    sandbox.faults.arm({"vendor": "salesforce", "call": "POST CaseComment", "kind": "after_effect", "times": 1})
    with pytest.raises(TryLater):
        await hanako.ask(add_comment(case_id))
    assert len((await hanako.ask(add_comment(case_id))).comments) == 1


@pytest.mark.parametrize(
    "message", [ListCases(), ReadCase(case_id="500000000000999AAA"), open_case(), add_comment("500000000000999AAA")]
)
async def test_without_a_signed_in_customer_nothing_is_told(gateway, message) -> None:
    with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
        await gateway.ask(message)


async def test_a_service_opens_a_case_for_staff_once(gateway, customers, nats_url) -> None:  # C39
    identity = Bus("identity", BusAddress(nats_url), topology=STAFF_ASKER)
    await identity.connect()
    command = OpenStaffCase(
        case_key="signup-1",
        account_id=customers[0].account_id,
        type="id_verification",
        title="Sign-up could not be proven",
        description="-",
    )
    assert await identity.ask(command) == await identity.ask(command)
    await identity.stop()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "refused"},
        {"kind": "before_effect", "params": {"seconds": 30}},
        {"kind": "status", "params": {"status": 503, "body": "maintenance"}},
    ],
)
@pytest.mark.parametrize("message", [ListCases(), ReadCase(case_id="500000000000999AAA"), open_case(), add_comment()])
async def test_while_salesforce_is_away_the_answer_is_later_and_comes_in_time(
    customers, sandbox, fault, message
) -> None:  # R255
    hanako, _ = customers
    sandbox.faults.arm({"vendor": "salesforce", "call": "*", "times": None, **fault})
    with pytest.raises(TryLater) as caught:
        await hanako.ask(message, timeout=1.5)
    assert caught.value.code == "SALESFORCE_UNAVAILABLE"  # an answer of support's, not the silence after the deadline
    assert caught.value.retry_after


async def test_support_answers_again_as_soon_as_salesforce_does(customers, sandbox) -> None:
    hanako, _ = customers
    sandbox.faults.arm({"vendor": "salesforce", "call": "query", "kind": "refused", "times": 3})
    with pytest.raises(TryLater):
        await hanako.ask(ListCases())
    assert (await hanako.ask(ListCases())).cases is not None
