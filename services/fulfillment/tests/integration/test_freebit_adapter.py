"""The Freebit adapter at the wire: on the sandbox in this process, or on the host named by FREEBIT_BASE_URL.

On a real host set FREEBIT_OEM_ID, FREEBIT_OEM_KEY and FREEBIT_TEST_ACCOUNT (an active line); nothing is written
there. Faults, clock and ledger belong to the sandbox: tests that need them are skipped on a real host.
"""

import asyncio
import os
from datetime import date

import pytest

from portal_chassis.outbound import Outbound
from portal_fulfillment.freebit import (
    Freebit,
    FreebitMisconfigured,
    FreebitRefused,
    FreebitSettings,
    FreebitUnavailable,
    FreebitUnclear,
)
from portal_fulfillment.freebit_codes import FreebitTables, Reason
from portal_fulfillment.freebit_fields import read_day
from portal_fulfillment.freebit_wire import connections
from portal_fulfillment.sim import EsimActivation, LineState, PortedNumber, SimKind, VoiceOptions
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

EID = "89049032000000000000000000000357"
VOICE_LINE = "07000006001"
REAL_HOST = os.environ.get("FREEBIT_BASE_URL", "")


def outbound():
    return Outbound("freebit", at_once=3, longest_wait=5.0)


@pytest.fixture
async def own_sandbox(tmp_path):
    """The sandbox of this test, None when a real host is named."""
    if REAL_HOST:
        yield None
        return
    built = build_sandbox(Settings(data_dir=tmp_path, control_port=0, freebit_port=0), vendors=["freebit"])
    async with built.running():
        yield built


@pytest.fixture
def sandbox(own_sandbox):
    if own_sandbox is None:
        pytest.skip("needs the sandbox's faults, clock and ledger")
    return own_sandbox


@pytest.fixture
async def http():
    async with connections() as client:
        yield client


@pytest.fixture
def connect(sandbox, http):
    def connect(**settings):
        defaults = {"oem_id": "SANDBOX", "oem_key": "sandbox-oem-key", "read_timeout": 5.0}
        return Freebit(FreebitSettings(sandbox.core.addresses["freebit"], **{**defaults, **settings}), http, outbound())

    return connect


@pytest.fixture
def freebit(connect):
    return connect()


@pytest.fixture
def any_host(own_sandbox, http):
    """The adapter and an active line of the host under test."""
    if own_sandbox is None:
        settings = FreebitSettings(REAL_HOST, os.environ["FREEBIT_OEM_ID"], os.environ["FREEBIT_OEM_KEY"])
        return Freebit(settings, http, outbound()), os.environ["FREEBIT_TEST_ACCOUNT"]
    settings = FreebitSettings(own_sandbox.core.addresses["freebit"], "SANDBOX", "sandbox-oem-key")
    return Freebit(settings, http, outbound()), VOICE_LINE


def break_call(sandbox, call, kind, **more):
    sandbox.core.faults.arm({"vendor": "freebit", "call": call, "kind": kind, **more})


def effects(sandbox, kind, key=EID):
    return sandbox.core.ledger.entries(kind=f"freebit.{kind}", key=key)


def activation(eid=EID, **changes):
    return EsimActivation(eid, SimKind.VOICE, "PASI_20G", **changes)


@pytest.mark.real_vendor
async def test_a_line_is_read(any_host):
    freebit, account = any_host
    line = await freebit.get_line(account)
    assert (line.account, line.state) == (account, LineState.ACTIVE)


@pytest.mark.real_vendor
async def test_a_number_nobody_has_is_no_line(any_host):
    freebit, _ = any_host
    assert await freebit.get_line("07000000000") is None


async def test_an_esim_is_accepted_then_found_active_with_its_code(sandbox, freebit):
    """R010, R179: accepted is not done; the line shows when it is."""
    assert await freebit.lines_of_eid(EID) == ()
    accepted = await freebit.activate_esim(activation())
    pending = await freebit.get_line(accepted.account)
    assert (pending.state, pending.eid, pending.running_requests) == (LineState.PENDING, EID, ("esim_new",))
    sandbox.core.clock.advance(int(accepted.look_after[0]))
    (line,) = await freebit.lines_of_eid(EID)
    assert (line.state, line.account, line.carries_voice) == (LineState.ACTIVE, accepted.account, True)
    assert line.activation_code.startswith("LPA:1$")
    assert len(effects(sandbox, "esim.activated")) == 1


async def test_a_ported_number_keeps_itself(sandbox, freebit):
    with sandbox.core.store.transaction() as db:
        donor = db.execute("SELECT expire_date FROM freebit_donors WHERE account = '09000007001'").fetchone()
    until = read_day(donor["expire_date"])
    names = ("山田", "花子", "ヤマダ", "ハナコ")
    number = PortedNumber("09000007001", "11-000-07001", until, *names, "female", date(1990, 4, 1))
    assert (await freebit.activate_esim(activation(number=number))).account == "09000007001"
    sandbox.core.clock.advance(2)
    assert (await freebit.get_line("09000007001")).state is LineState.ACTIVE


async def test_a_connection_that_freebit_takes_for_idle_makes_nothing_unclear(sandbox, freebit):
    sandbox.core.faults.arm({"vendor": "freebit", "call": "*", "kind": "kept_connection", "times": None})
    accepted = await freebit.activate_esim(activation())
    sandbox.core.clock.advance(int(accepted.look_after[0]))
    await freebit.get_line(accepted.account)
    assert len(effects(sandbox, "esim.activated")) == 1


@pytest.mark.parametrize("kind", ["after_effect", "malformed", "empty", "status"])
async def test_a_lost_reply_is_found_again_by_the_eid(sandbox, freebit, kind):
    params = {"status": 502, "effect": True} if kind == "status" else {}
    break_call(sandbox, "mvno/esim/addAcnt", kind, params=params)
    with pytest.raises(FreebitUnclear):
        await freebit.activate_esim(activation())
    (line,) = await freebit.lines_of_eid(EID)
    assert line.state in (LineState.PENDING, LineState.ACTIVE)
    with pytest.raises(FreebitRefused) as refused:
        await freebit.activate_esim(activation())
    assert refused.value.reason is Reason.EID_CONFLICT
    sandbox.core.clock.advance(600)
    assert len(effects(sandbox, "esim.requested")) == len(effects(sandbox, "esim.activated")) == 1


@pytest.mark.parametrize(("kind", "params"), [("before_effect", {"seconds": 0.1}), ("html", {}), ("refused", {})])
async def test_a_request_that_died_before_its_effect_is_unclear_and_leaves_no_line(sandbox, freebit, kind, params):
    break_call(sandbox, "mvno/esim/addAcnt", kind, params=params)
    with pytest.raises(FreebitUnclear):
        await freebit.activate_esim(activation())
    assert await freebit.lines_of_eid(EID) == ()
    assert (await freebit.activate_esim(activation())).account


async def test_an_answer_that_comes_too_late_is_unclear(sandbox, connect):
    freebit = connect(read_timeout=0.2)
    await freebit.get_line(VOICE_LINE)
    break_call(sandbox, "mvno/esim/addAcnt", "slow", params={"seconds": 1})
    with pytest.raises(FreebitUnclear):
        await freebit.activate_esim(activation())


async def test_an_effect_that_lands_late_is_found_when_it_has_landed(sandbox, freebit):
    break_call(sandbox, "mvno/esim/addAcnt", "late", params={"seconds": 0.1})
    with pytest.raises(FreebitUnclear):
        await freebit.activate_esim(activation())
    await sandbox.core.faults.settle()
    assert len(await freebit.lines_of_eid(EID)) == 1


async def test_a_log_in_that_fails_leaves_a_write_unsent(sandbox, freebit):
    break_call(sandbox, "authOem", "after_effect")
    with pytest.raises(FreebitUnavailable):
        await freebit.activate_esim(activation())
    assert effects(sandbox, "esim.requested") == []


async def test_a_host_that_is_down_is_unavailable_for_reads_and_writes(http):
    freebit = Freebit(FreebitSettings("http://127.0.0.1:1", "SANDBOX", "x"), http, outbound())
    with pytest.raises(FreebitUnavailable):
        await freebit.get_line(VOICE_LINE)
    with pytest.raises(FreebitUnavailable):
        await freebit.activate_esim(activation())


async def test_a_key_that_ended_in_mid_flight_is_renewed_without_a_word(sandbox, freebit, http):
    await freebit.get_line(VOICE_LINE)
    await http.post(sandbox.core.addresses["freebit"] + "/_sim/keys/revoke")
    assert (await freebit.activate_esim(activation())).account
    assert sandbox.core.faults.calls["freebit"]["authOem"] == 2
    assert len(effects(sandbox, "esim.requested")) == 1


async def test_twenty_callers_log_in_once_and_three_at_a_time(sandbox, freebit):
    break_call(sandbox, "mvno/getDetail", "slow", times=None, params={"seconds": 0.02})
    await asyncio.gather(*(freebit.get_line(VOICE_LINE) for _ in range(20)))
    assert sandbox.core.faults.calls["freebit"] == {"authOem": 1, "mvno/getDetail": 20}
    assert sandbox.core.faults.most_in_flight["freebit"] == 3


async def test_wrong_credentials_are_misconfigured(connect):
    with pytest.raises(FreebitMisconfigured):
        await connect(oem_key="wrong").get_line(VOICE_LINE)


async def test_a_wrong_path_is_misconfigured(connect):
    tables = FreebitTables().overridden({"paths": {"detail": "mvno/nothing"}})
    with pytest.raises(FreebitMisconfigured):
        await connect(tables=tables).get_line(VOICE_LINE)


async def test_a_failed_activation_is_seen_and_may_be_asked_for_again(sandbox, freebit):
    sandbox.core.switches.update({"freebit": {"completion": "failure"}})
    await freebit.activate_esim(activation())
    sandbox.core.clock.advance(2)
    assert [line.state for line in await freebit.lines_of_eid(EID)] == [LineState.FAILED]
    sandbox.core.switches.update({"freebit": {"completion": "normal"}})
    await freebit.activate_esim(activation())
    sandbox.core.clock.advance(2)
    assert [line.state for line in await freebit.lines_of_eid(EID)] == [LineState.ACTIVE, LineState.FAILED]


async def test_numbers_as_result_codes_and_http_statuses_change_nothing(sandbox, freebit):
    sandbox.core.switches.update({"freebit": {"resultCodeType": "number", "errorHttpStatus": "as_code"}})
    assert (await freebit.get_line(VOICE_LINE)).state is LineState.ACTIVE
    assert await freebit.get_line("07000000000") is None
    with pytest.raises(FreebitRefused) as refused:
        await freebit.activate_esim(EsimActivation(EID, SimKind.VOICE, "NO_SUCH_PLAN"))
    assert (refused.value.pair, refused.value.reason) == ("400-320", Reason.PLAN_INVALID)


async def test_a_number_the_reply_does_not_tell_is_found_by_the_eid(sandbox, freebit):
    sandbox.core.switches.update({"freebit": {"accountInReply": False}})
    assert (await freebit.activate_esim(activation())).account is None
    (line,) = await freebit.lines_of_eid(EID)
    assert line.account.startswith("070")


async def test_voice_options_are_registered_and_seen_later(sandbox, freebit):
    wanted = VoiceOptions(voice_mail=True, call_waiting=True)
    accepted = await freebit.register_voice_options(VOICE_LINE, wanted)
    assert (await freebit.get_line(VOICE_LINE)).voice_options.voice_mail is False
    with pytest.raises(FreebitRefused) as refused:
        await freebit.register_voice_options(VOICE_LINE, wanted)
    assert refused.value.reason is Reason.ACCOUNT_BUSY
    sandbox.core.clock.advance(int(accepted.look_after[0]))
    options = (await freebit.get_line(VOICE_LINE)).voice_options
    assert (options.voice_mail, options.call_waiting, options.call_transfer) == (True, True, False)
