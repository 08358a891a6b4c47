"""One suite for the port `Sims`, on the fake operator and on the Freebit adapter with the sandbox."""

from datetime import date, datetime, timedelta

import httpx
import pytest

from portal_chassis.clocks import TOKYO
from portal_chassis.outbound import Outbound
from portal_chassis.testing import ManualClock
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_fulfillment.freebit import Freebit, FreebitSettings
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.freebit_sims import FreebitSims
from portal_fulfillment.ports import Unclear
from portal_fulfillment.sim import (
    CardActivation,
    EsimActivation,
    EsimReissue,
    Line,
    LineState,
    PortedNumber,
    PreparedNumber,
    SimKind,
    Target,
    VoiceOptions,
)
from portal_fulfillment.testing_operator import FakeSims
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

EID = "89049032000000000000000000000357"
CARD, PREPARED = "AX0000000000001", "07000008001"
DONOR = "09000007001"
LINE, LINE_EID, PRODUCT = "07000006001", "89049032000000000000000000000163", "ES0000000000001"
IDENTITY = ("山田", "花子", "ヤマダ", "ハナコ", "female", date(1990, 4, 1))


class SimsOnFake:
    """The fake operator with one voice line, and what a test does to it."""

    def __init__(self):
        self.clock = ManualClock()
        self.port = FakeSims(self.clock)
        self.port.completion = timedelta(minutes=10)
        self.port.put(
            Line(LINE, LineState.ACTIVE, "active", "PASI_20G", LINE_EID, "8981030000000000015", PRODUCT, "5G", True)
        )

    def pass_time(self):
        self.clock.advance(3600)

    def lose_the_next_answer(self, call):
        left = ["after"]
        names = {"mvno/esim/addAcnt": "sims.activate", "master/addAcnt": "sims.activate_physical"}
        self.port.faults = lambda asked: left.pop() if asked == names.get(call, call) and left else None

    def lose_the_next_top_up(self):
        self.lose_the_next_answer("sims.top_up")

    def be_away(self):
        self.port.faults = lambda _call: "unsent"

    def today(self):
        return self.clock.today()

    def ported_number(self):
        return PortedNumber(DONOR, "1100007001", date(2026, 12, 31), *IDENTITY)


class SimsOnSandbox:
    """The adapter on the sandbox, whose time stands still unless it is moved."""

    def __init__(self, sandbox, http, **tables):
        self._core = sandbox.core
        settings = FreebitSettings(self._core.addresses["freebit"], "SANDBOX", "sandbox-oem-key", read_timeout=5.0)
        known = FreebitTables().overridden(tables)
        outbound = Outbound("freebit", at_once=3, longest_wait=5.0)
        self.port = FreebitSims(Freebit(settings, http, outbound), known)

    def pass_time(self):
        self._core.clock.advance(3600)

    def lose_the_next_answer(self, call):
        self._core.faults.arm({"vendor": "freebit", "call": call, "kind": "after_effect"})

    def lose_the_next_top_up(self):
        self.lose_the_next_answer("master/addSpec")

    def be_away(self):
        self._core.faults.arm({"vendor": "freebit", "call": "authOem", "kind": "refused", "times": None})

    def today(self):
        return self._core.clock.now().astimezone(TOKYO).date()

    def ported_number(self):
        with self._core.store.transaction() as db:
            donor = db.execute("SELECT expire_date FROM freebit_donors WHERE account = ?", (DONOR,)).fetchone()
        until = datetime.strptime(donor["expire_date"], "%Y%m%d").replace(tzinfo=TOKYO).date()
        return PortedNumber(DONOR, "1100007001", until, *IDENTITY)


@pytest.fixture
async def sandbox(tmp_path):
    began = ManualClock().now()
    settings = Settings(
        data_dir=tmp_path / "sandbox",
        control_port=0,
        freebit_port=0,
        in_memory=True,
        switches={"freebit": {"completionSeconds": 600}},
    )
    built = build_sandbox(settings, vendors=["freebit"], real_now=lambda: began)
    async with built.running():
        yield built


@pytest.fixture(params=["fake", "sandbox"])
async def sims(request, sandbox):
    async with httpx.AsyncClient() as http:
        yield SimsOnFake() if request.param == "fake" else SimsOnSandbox(sandbox, http)


def wanted(**changes):
    return EsimActivation(**{"eid": EID, "sim_kind": SimKind.VOICE, "plan_code": "PASI_20G", **changes})


def card(number, **changes):
    return CardActivation(
        **{"card_number": CARD, "sim_kind": SimKind.VOICE, "plan_code": "PASI_20G", **changes, "number": number}
    )


async def test_an_unused_eid_has_no_line(sims):
    assert await sims.port.lines_of(EID) == ()
    assert await sims.port.line("07000999999") is None


async def test_a_line_that_was_asked_for_becomes_active(sims):
    await sims.port.activate(wanted())
    (line,) = await sims.port.lines_of(EID)
    assert line.state is LineState.PENDING
    sims.pass_time()
    (line,) = await sims.port.lines_of(EID)
    assert (line.state, line.eid, line.plan_code) == (LineState.ACTIVE, EID, "PASI_20G")
    assert (await sims.port.line(line.account)).account == line.account
    assert line.iccid


async def test_a_ported_number_is_the_lines_number(sims):
    await sims.port.activate(wanted(number=sims.ported_number()))
    assert (await sims.port.line(DONOR)).state is LineState.PENDING
    sims.pass_time()
    line = await sims.port.line(DONOR)
    assert (line.state, line.eid) == (LineState.ACTIVE, EID)


@pytest.mark.parametrize("ported", [False, True])
async def test_a_card_becomes_a_line_with_the_number_it_was_asked_for(sims, ported):
    number = sims.ported_number() if ported else PreparedNumber(PREPARED)
    account = DONOR if ported else PREPARED
    await sims.port.activate_physical(card(number))
    assert (await sims.port.line(account)).product_number == CARD
    sims.pass_time()
    line = await sims.port.line(account)
    assert (line.state, line.product_number, line.eid) == (LineState.ACTIVE, CARD, "")


async def test_an_eid_in_use_is_refused(sims):
    await sims.port.activate(wanted())
    with pytest.raises(Refused, match="SIM_IN_USE"):
        await sims.port.activate(wanted())


@pytest.mark.parametrize("call", ["mvno/esim/addAcnt", "master/addAcnt"])
async def test_a_lost_answer_is_unclear_and_the_line_is_there(sims, call):
    sims.lose_the_next_answer(call)
    is_card = call == "master/addAcnt"
    asked = sims.port.activate_physical(card(PreparedNumber(PREPARED))) if is_card else sims.port.activate(wanted())
    with pytest.raises(Unclear):
        await asked
    found = await sims.port.line(PREPARED) if is_card else (await sims.port.lines_of(EID))[0]
    assert found.state is LineState.PENDING


async def test_an_operator_that_is_away_changes_nothing(sims):
    sims.be_away()
    for ask in (
        lambda: sims.port.lines_of(EID),
        lambda: sims.port.line(LINE),
        lambda: sims.port.usage(LINE),
        lambda: sims.port.quota_history(LINE, date(2026, 4, 1), date(2026, 4, 2)),
        lambda: sims.port.activate(wanted()),
        lambda: sims.port.activate_physical(card(PreparedNumber(PREPARED))),
        lambda: sims.port.top_up(LINE, 100, "k"),
        lambda: sims.port.change_plan(LINE, "PASI_5G"),
        lambda: sims.port.change_network(LINE, "4G"),
        lambda: sims.port.change_voice_options(LINE, VoiceOptions(voice_mail=True)),
        lambda: sims.port.register_voice_options(LINE, VoiceOptions(voice_mail=True)),
        lambda: sims.port.reissue_esim(EsimReissue(LINE, EID, LINE_EID)),
        lambda: sims.port.cancel_line(LINE),
    ):
        with pytest.raises(TryLater):
            await ask()


@pytest.mark.parametrize("first", ["register_voice_options", "change_voice_options"])
async def test_voice_options_show_after_a_while_and_one_request_runs_at_a_time(sims, first):
    options = VoiceOptions(voice_mail=True, call_waiting=False)
    await getattr(sims.port, first)(LINE, options)
    assert not (await sims.port.line(LINE)).voice_options.voice_mail
    with pytest.raises(TryLater) as busy:
        await sims.port.register_voice_options(LINE, options)
    assert (busy.value.code, busy.value.retry_after) == ("LINE_BUSY", 600)
    sims.pass_time()
    assert (await sims.port.line(LINE)).voice_options.voice_mail is True
    await sims.port.change_voice_options(LINE, VoiceOptions(call_waiting=True))
    sims.pass_time()
    changed = (await sims.port.line(LINE)).voice_options
    assert (changed.voice_mail, changed.call_waiting) == (True, True)


async def test_data_is_added_at_once_and_found_by_its_key(sims):
    day, until = sims.today(), sims.today() + timedelta(days=90)
    await sims.port.top_up(LINE, 1000, "topup-1", until)
    sims.lose_the_next_top_up()
    with pytest.raises(Unclear):
        await sims.port.top_up(LINE, 500, "topup-2")
    history = await sims.port.quota_history(LINE, day - timedelta(days=1), day)
    assert [(entry.megabytes, entry.key, entry.added_on, entry.expires_on) for entry in history] == [
        (500, "topup-2", day, None),
        (1000, "topup-1", day, until),
    ]
    assert await sims.port.quota_history(LINE, day - timedelta(days=9), day - timedelta(days=1)) == ()


async def test_usage_is_a_number_of_megabytes(sims):
    usage = await sims.port.usage(LINE)
    assert usage.used_today_mb >= 0
    assert len(usage.recent_days_mb) == 3
    assert (usage.throttled, usage.remaining_mb) == (False, None)


async def test_a_plan_changes_at_once_or_on_its_day(sims):
    await sims.port.change_plan(LINE, "PASI_5G")
    assert (await sims.port.line(LINE)).plan_code == "PASI_5G"
    await sims.port.change_plan(LINE, "PASI_10G", sims.today() + timedelta(days=2))
    line = await sims.port.line(LINE)
    assert (line.plan_code, line.running_requests) == ("PASI_5G", ("change_plan",))
    for _ in range(48):
        sims.pass_time()
    line = await sims.port.line(LINE)
    assert (line.plan_code, line.running_requests) == ("PASI_10G", ())


async def test_the_network_changes_after_a_while_and_the_line_is_locked_until_then(sims):
    await sims.port.change_network(LINE, "4G")
    line = await sims.port.line(LINE)
    assert (line.network, line.running_requests) == ("5G", ("change_network",))
    with pytest.raises(TryLater, match="LINE_BUSY"):
        await sims.port.change_plan(LINE, "PASI_5G")
    sims.pass_time()
    assert (await sims.port.line(LINE)).network == "4G"


@pytest.mark.parametrize("eid", [EID, LINE_EID], ids=["another_phone", "same_phone"])
async def test_a_reissued_line_has_another_profile(sims, eid):
    before = await sims.port.line(LINE)
    await sims.port.reissue_esim(EsimReissue(LINE, eid, LINE_EID, before.product_number))
    assert (await sims.port.line(LINE)).running_requests == ("reissue",)
    sims.pass_time()
    after = await sims.port.line(LINE)
    assert (after.account, after.eid, after.iccid == before.iccid) == (LINE, eid, False)


async def test_a_line_ends_now_or_on_its_day(sims):
    await sims.port.cancel_line(LINE, sims.today() + timedelta(days=2))
    line = await sims.port.line(LINE)
    assert (line.state, line.running_requests) == (LineState.ACTIVE, ("cancel_line",))
    for _ in range(49):
        sims.pass_time()
    assert (await sims.port.line(LINE)).state is LineState.ENDED


async def test_a_line_that_ends_at_once_is_gone_after_a_while(sims):
    await sims.port.cancel_line(LINE)
    sims.pass_time()
    assert (await sims.port.line(LINE)).state is LineState.ENDED
    for ask in (
        lambda: sims.port.top_up(LINE, 100, "k"),
        lambda: sims.port.usage(LINE),
        lambda: sims.port.change_plan(LINE, "PASI_5G"),
        lambda: sims.port.change_network(LINE, "4G"),
        lambda: sims.port.change_voice_options(LINE, VoiceOptions(voice_mail=True)),
        lambda: sims.port.reissue_esim(EsimReissue(LINE, EID, LINE_EID)),
        lambda: sims.port.cancel_line(LINE),
    ):
        with pytest.raises(Refused, match="SIM_REFUSED"):
            await ask()


async def test_looks_are_ascending(sims):
    kinds = (
        "voice_options",
        "change_voice_options",
        "top_up",
        "change_plan",
        "change_network",
        "reissue",
        "cancel_line",
    )
    targets = (Target(eid=EID), Target(card_number=CARD), Target(card_number=CARD, account=DONOR, is_ported=True))
    looks = [sims.port.looks_after(kind) for kind in kinds] + [
        sims.port.looks_after_activation(target) for target in targets
    ]
    for one in looks:
        assert list(one) == sorted(one) != []


# what the sandbox alone knows


@pytest.fixture
async def on_sandbox(sandbox):
    async with httpx.AsyncClient() as http:
        yield lambda **tables: SimsOnSandbox(sandbox, http, **tables)


async def test_a_plan_freebit_does_not_know_is_refused_with_its_code(on_sandbox):
    with pytest.raises(Refused) as refused:
        await on_sandbox().port.activate(wanted(plan_code="NO_SUCH_PLAN"))
    assert (refused.value.code, refused.value.facts) == ("SIM_REFUSED", {"pair": "400_320"})


async def test_a_card_freebit_does_not_know_is_named(on_sandbox):  # 400-354
    sims = on_sandbox()
    with pytest.raises(Refused) as refused:
        await sims.port.activate_physical(card(PreparedNumber(PREPARED), card_number="ZZ0000000000001"))
    assert (refused.value.code, refused.value.facts) == (
        "SIM_CARD_UNKNOWN",
        {"pair": "400_354", "card": "ZZ0000000000001"},
    )


@pytest.mark.parametrize("route", ["esim", "semi_black", "ota"])
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reservation": "9999999999"}, "PORTING_RESERVATION_REFUSED"),
        ({"reservation_expires_on": date(2030, 1, 1)}, "PORTING_RESERVATION_REFUSED"),
        ({"given_name": "華子"}, "PORTING_IDENTITY_MISMATCH"),
        ({"born_on": date(1990, 4, 2)}, "PORTING_IDENTITY_MISMATCH"),
    ],
)
async def test_a_wrong_reservation_or_identity_is_told_apart(on_sandbox, route, changes, code):  # 400-352, 400-353
    sims = on_sandbox() if route == "esim" else on_sandbox(ported_card_route=route)
    facts = {name: getattr(sims.ported_number(), name) for name in PortedNumber.__dataclass_fields__}
    number = PortedNumber(**{**facts, **changes})
    is_card = route != "esim"
    asked = sims.port.activate_physical(card(number)) if is_card else sims.port.activate(wanted(number=number))
    with pytest.raises(Refused, match=code):
        await asked
    line = await sims.port.line(DONOR)
    assert line is None or line.state is LineState.ENDED


async def test_a_one_stop_number_needs_no_reservation(on_sandbox):
    sims = on_sandbox()
    names = ("佐藤", "美咲", "サトウ", "ミサキ", "female", date(2000, 2, 29))
    await sims.port.activate(wanted(number=PortedNumber("09000007005", None, None, *names)))
    sims.pass_time()
    assert (await sims.port.line("09000007005")).state is LineState.ACTIVE


@pytest.mark.parametrize("account", ["07000006003", "07000006004"], ids=["in_a_share_group", "without_a_plan"])
async def test_usage_of_a_line_that_has_none_is_refused(on_sandbox, account):
    with pytest.raises(Refused, match="SIM_REFUSED"):
        await on_sandbox().port.usage(account)


async def test_wrong_credentials_are_our_set_up(sandbox):
    settings = FreebitSettings(sandbox.core.addresses["freebit"], "SANDBOX", "wrong")
    async with httpx.AsyncClient() as http:
        port = FreebitSims(Freebit(settings, http, Outbound("freebit", at_once=1)), FreebitTables())
        with pytest.raises(Misconfigured):
            await port.lines_of(EID)
