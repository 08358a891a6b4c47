"""Operators as they work with a deployed identity: through the gateway's rights on the bus (R276, R277, D13, D19)."""

import base64
import time
from dataclasses import replace

import pytest

from portal_chassis.actor import ActorVerifier
from portal_chassis.bus import Bus, BusAddress
from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.identity import LogOut, MintActor, ReadMe
from portal_contracts.identity_processes import ListAccountProcesses, RetryAccountProcess
from portal_contracts.operator_access import (
    BeginOperatorEnrolment,
    FinishOperatorEnrolment,
    GrantOperator,
    ListOperators,
    OpenOperatorSession,
    RevokeOperator,
)
from portal_contracts.operators import list_operator_actions
from portal_contracts.problems import Misconfigured, Refused
from portal_contracts.topology import OPERATOR, SERVICES
from portal_identity.one_time_codes import STEP_SECONDS, code_at

LEAD = "tech-lead@staff.example"
NEW = "viewer@staff.example"
PASSWORD = "canary-operator-sentence-Xq4"
LETTERS = dead_letter_messages("identity")
ACTIONS = list_operator_actions("identity")


@pytest.fixture
async def console(world, guarded_nats, seeds):
    """The command line's identity on the bus, with the rights of its seed."""
    bus = Bus("operator", BusAddress(guarded_nats.url, seeds / "operator.seed"), topology=OPERATOR)
    await bus.connect()
    world.buses["operator"] = bus
    yield bus
    await bus.stop(within=1)


@pytest.fixture
async def buses(buses, guarded_nats, seeds):
    """The gateway also asks what operators ask."""
    await buses["gateway"].stop(within=1)
    asks = tuple(dict.fromkeys((*SERVICES["identity"].serves, *SERVICES["gateway"].asks)))
    topology = replace(SERVICES["gateway"], database=False, watches=(), consumes=(), records=(), serves=(), asks=asks)
    buses["gateway"] = Bus("gateway", BusAddress(guarded_nats.url, seeds / "gateway.seed"), topology=topology)
    await buses["gateway"].connect()
    return buses


async def enrol(world, who: str, token: str):
    """Enrol with whatever the machine's clock says; gives the seed and the session."""
    shown = await world.ask(who, BeginOperatorEnrolment(token=token))
    finish = FinishOperatorEnrolment(token=token, password=PASSWORD, code=code_now(shown.secret))
    return shown.secret, await world.ask(who, finish)


def code_now(seed: str, ahead: int = 0) -> str:
    return code_at(seed, int(time.time()) // STEP_SECONDS + ahead)


async def token_of(world, who: str, session) -> str:
    return (await world.ask(who, MintActor(session_token=session.session_token))).actor_token


@pytest.mark.parametrize("who", ["gateway", "operator"])
async def test_an_operator_enrols_signs_in_gives_access_and_takes_it(world, console, keys, who) -> None:
    seed, session = await enrol(world, who, await world.process.first_operator(LEAD))
    assert len(base64.b32decode(seed)) == 20
    command = OpenOperatorSession(
        request_id=world.request_id(),
        email=LEAD,
        password=PASSWORD,
        code=code_now(seed, ahead=1),  # the enrolment used the present one up
        client_address="192.0.2.1",
    )
    signed_in = await world.ask(who, command)
    actor = await token_of(world, who, signed_in)
    assert ActorVerifier.from_file(keys.actor_public).verify(actor).operator == LEAD
    wanted = {"email": NEW, "roles": ["operator_viewer"], "approved_by": LEAD, "reason": "joins"}
    shown = await world.ask(who, GrantOperator(request_id=world.request_id(), **wanted), actor=actor)
    assert (shown.carried_out, shown.enrolment_token) == (False, None)
    grant = GrantOperator(request_id=world.request_id(), dry_run=False, **wanted)
    granted = await world.ask(who, grant, actor=actor)
    _, viewer_session = await enrol(world, who, granted.enrolment_token)
    viewer = await token_of(world, who, viewer_session)
    with pytest.raises(Refused, match="OPERATOR_FORBIDDEN"):
        await world.ask(who, ListOperators(), actor=viewer)
    assert (await world.ask(who, LETTERS.list(), actor=viewer)).total == 0
    assert (await world.ask(who, ListAccountProcesses(), actor=viewer)).processes == []
    retry = RetryAccountProcess(request_id=world.request_id(), kind="signup", process_key="none", reason="mended")
    with pytest.raises(Refused, match="OPERATOR_FORBIDDEN"):
        await world.ask(who, retry, actor=viewer)
    listed = await world.ask(who, ListOperators(), actor=actor)
    assert [operator.email for operator in listed.operators] == [LEAD, NEW]
    revoke = RevokeOperator(request_id=world.request_id(), email=NEW, dry_run=False, reason="leaves")
    assert (await world.ask(who, revoke, actor=actor)).carried_out
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await token_of(world, who, viewer_session)
    done = (await world.ask(who, ACTIONS(), actor=actor)).actions
    assert [(action.action, action.carried_out) for action in reversed(done)] == [
        ("identity.operator.grant.v1", False),
        ("identity.operator.grant.v1", True),
        ("identity.operator.revoke.v1", True),
    ]
    assert {message.subject for message in SERVICES["identity"].serves if ".operator" in message.subject} <= (
        world.answered
    )
    await world.process.stop()
    for secret in (PASSWORD, seed, granted.enrolment_token, session.session_token, actor):
        assert secret not in world.process.log()
        assert secret not in str(await world.events())


async def test_a_signed_out_operator_is_announced_and_is_nobodys_customer(world) -> None:
    _, session = await enrol(world, "gateway", await world.process.first_operator(LEAD))
    actor = await token_of(world, "gateway", session)
    with pytest.raises(Refused, match="FORBIDDEN"):
        await world.ask("gateway", ReadMe(), actor=actor)
    await world.ask("gateway", LogOut(request_id=world.request_id()), actor=actor)
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await token_of(world, "gateway", session)
    assert [subject for subject, _ in await world.events()] == ["identity.session.revoked.v1"]


async def test_a_customer_is_no_operator(world) -> None:
    hanako = world.form()
    await world.confirm(await world.request_signup(hanako))
    customer = await token_of(world, "gateway", await world.log_in(hanako))
    wanted = GrantOperator(
        request_id=world.request_id(),
        email=hanako.email,
        roles=["operator_tech_lead"],
        approved_by=LEAD,
        dry_run=False,
        reason="try",
    )
    for message in (ListOperators(), wanted, LETTERS.list(), ACTIONS()):
        with pytest.raises(Refused, match="OPERATOR_FORBIDDEN"):
            await world.ask("gateway", message, actor=customer)
        with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
            await world.ask("gateway", message)
