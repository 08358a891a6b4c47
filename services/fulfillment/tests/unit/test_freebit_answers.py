"""How the adapter judges answers, without a network: every way an exchange can end, for reads and for writes."""

import asyncio
import json
import logging
from datetime import date
from urllib.parse import parse_qs

import httpx
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
from portal_fulfillment.freebit_codes import Call, FreebitTables, Reason
from portal_fulfillment.sim import (
    EsimActivation,
    LineState,
    OwnNumber,
    PortedNumber,
    SimKind,
    Timing,
    VoiceOptions,
)

EID = "89049032000000000000000000000357"
ACTIVATION = EsimActivation(EID, SimKind.VOICE, "PASI_20G")


def envelope(result="100", status="200", **more):
    return {"resultCode": result, "status": {"message": "", "statusCode": status}, **more}


def line(**changes):
    return {"account": "07000009001", "state": "active", "eid": EID, **changes}


class Host:
    """Plays Freebit: hands out keys, and answers every other call with what the test put in."""

    def __init__(self):
        self.answers = []
        self.requests = []
        self.keys = 0

    def __call__(self, request):
        fields = json.loads(parse_qs(request.content.decode())["json"][0])
        if request.url.path.endswith("/authOem/"):
            self.keys += 1
            return httpx.Response(200, json=envelope(authKey=f"key-{self.keys}"))
        self.requests.append((request.url.path, fields))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    @property
    def sent(self):
        return self.requests[-1][1]


@pytest.fixture
def host():
    return Host()


def outbound():
    return Outbound("freebit", at_once=3, longest_wait=5.0)


def adapter(host, **settings):
    client = httpx.AsyncClient(transport=httpx.MockTransport(host))
    return Freebit(FreebitSettings("http://freebit.test", "OEM", "oem-secret", **settings), client, outbound())


BROKEN_ANSWERS = [
    httpx.Response(200, text="<html>maintenance</html>"),
    httpx.Response(200, text='{"resultCode": "100", "sta'),
    httpx.Response(200, content=b""),
    httpx.Response(200, json=["100"]),
    httpx.Response(200, json={"status": {}}),
    httpx.Response(500),
    httpx.Response(503, text="busy"),
    httpx.Response(500, json=envelope()),
    envelope("500", "500"),
    envelope("599", "1"),
    httpx.ReadTimeout("late"),
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.WriteTimeout("late"),
    httpx.RemoteProtocolError("closed without an answer"),
]


@pytest.mark.parametrize("answer", BROKEN_ANSWERS, ids=repr)
async def test_a_write_without_a_readable_answer_is_unclear_and_a_read_is_only_unavailable(host, answer):
    host.answers = [answer, answer]
    freebit = adapter(host)
    with pytest.raises(FreebitUnclear):
        await freebit.activate_esim(ACTIVATION)
    with pytest.raises(FreebitUnavailable):
        await freebit.get_line("07000009001")
    assert len(host.requests) == 2


NOT_PROCESSED = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("late"),
    httpx.PoolTimeout("late"),
    envelope("503", "503"),
    httpx.Response(429),
]


@pytest.mark.parametrize("answer", NOT_PROCESSED, ids=repr)
async def test_what_never_reached_freebit_is_unavailable_even_for_a_write(host, answer):
    host.answers = [answer]
    with pytest.raises(FreebitUnavailable):
        await adapter(host).activate_esim(ACTIVATION)


SETUP_FAULTS = [httpx.Response(404), httpx.Response(403, text="IP"), httpx.Response(302), envelope("403", "403")]


@pytest.mark.parametrize("answer", SETUP_FAULTS, ids=repr)
async def test_wrong_addresses_and_permissions_are_misconfigured(host, answer):
    host.answers = [answer]
    with pytest.raises(FreebitMisconfigured):
        await adapter(host).activate_esim(ACTIVATION)


async def test_an_address_that_is_none_is_misconfigured():
    async with httpx.AsyncClient() as client:
        with pytest.raises(FreebitMisconfigured):
            await Freebit(FreebitSettings("freebit.test", "OEM", "x"), client, outbound()).get_line("07000009001")


@pytest.mark.parametrize(
    ("pair", "reason"),
    [("400-351", Reason.EID_CONFLICT), ("400-356", Reason.UNSUPPORTED_PATTERN), ("400-999", Reason.UNKNOWN)],
)
async def test_a_refusal_carries_its_code_pair_and_our_word_for_it(host, pair, reason):
    host.answers = [httpx.Response(400, json=envelope(*pair.split("-")))]
    with pytest.raises(FreebitRefused) as refused:
        await adapter(host).activate_esim(ACTIVATION)
    assert (refused.value.pair, refused.value.reason) == (pair, reason)
    assert refused.value.staff_code == f"FREEBIT_{pair.replace('-', '_')}"


async def test_codes_may_be_numbers(host):
    host.answers = [envelope(100, 200, responseDatas=[line()])]
    assert (await adapter(host).get_line("07000009001")).state is LineState.ACTIVE


async def test_an_unknown_account_is_none_and_an_unknown_eid_is_empty(host):
    host.answers = [envelope("400", "310"), envelope("400", "310")]
    freebit = adapter(host)
    assert await freebit.get_line("07000009001") is None
    assert await freebit.lines_of_eid(EID) == ()


async def test_a_line_in_a_state_without_a_word_stays_readable(host):
    host.answers = [envelope(responseDatas=[line(state="hibernating", talkOption={"voiceMail": "10"})])]
    shown = await adapter(host).get_line("07000009001")
    assert (shown.state, shown.raw_state) == (LineState.UNKNOWN, "hibernating")
    assert shown.voice_options == VoiceOptions(voice_mail=True)


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"responseDatas": []},
        {"responseDatas": ["x"]},
        {"responseDatas": [{}]},
        {"responseDatas": [line(account="07000000000")]},
        {"responseDatas": [line(startDate="soon")]},
    ],
)
async def test_a_detail_reply_that_makes_no_sense_is_no_line(host, reply):
    host.answers = [envelope(**reply)]
    with pytest.raises(FreebitUnavailable):
        await adapter(host).get_line("07000009001")


async def test_the_activation_code_shows_in_no_repr(host):
    host.answers = [envelope(responseDatas=[line(activationCode="LPA:1$smdp.test$SECRET")])]
    shown = await adapter(host).get_line("07000009001")
    assert shown.activation_code == "LPA:1$smdp.test$SECRET"
    assert "SECRET" not in repr(shown)


async def test_many_callers_make_one_log_in(host):
    host.answers = [envelope("400", "310")] * 20
    freebit = adapter(host)
    await asyncio.gather(*(freebit.get_line("07000009001") for _ in range(20)))
    assert host.keys == 1


async def test_a_key_is_renewed_after_its_time(host):
    host.answers = [envelope("400", "310")] * 2
    freebit = adapter(host, key_kept=0.0)
    await freebit.get_line("07000009001")
    await freebit.get_line("07000009001")
    assert [fields["authKey"] for _, fields in host.requests] == ["key-1", "key-2"]


async def test_a_refused_key_is_renewed_once_and_the_call_repeated(host):
    host.answers = [envelope("401", "401"), envelope(account="07000009001")]
    accepted = await adapter(host).activate_esim(ACTIVATION)
    assert [fields["authKey"] for _, fields in host.requests] == ["key-1", "key-2"]
    assert (accepted.account, accepted.timing) == ("07000009001", Timing.NOTIFIED_BY_FILE)


async def test_a_new_key_that_is_refused_too_is_misconfigured(host):
    host.answers = [envelope("401", "401")] * 2
    with pytest.raises(FreebitMisconfigured):
        await adapter(host).get_line("07000009001")
    assert len(host.requests) == 2


async def test_a_write_that_waited_too_long_is_given_up_unsent(host):
    with pytest.raises(FreebitUnavailable, match="too old"):
        await adapter(host, send_within=-1.0).activate_esim(ACTIVATION)
    assert host.requests == []


async def test_without_a_look_up_by_eid_an_assigned_number_is_refused_before_anything_is_sent(host):
    freebit = adapter(host, tables=FreebitTables().overridden({"eid_field": ""}))
    with pytest.raises(FreebitMisconfigured):
        await freebit.activate_esim(ACTIVATION)
    with pytest.raises(FreebitMisconfigured):
        await freebit.lines_of_eid(EID)
    assert (host.requests, host.keys) == ([], 0)


async def test_our_own_number_is_sent_with_its_registration(host):
    host.answers = [envelope()]
    number = OwnNumber("07000009001", "07000009000", date(2026, 3, 10))
    accepted = await adapter(host).activate_esim(EsimActivation(EID, SimKind.DATA, "P", number=number))
    assert accepted.account == "07000009001"
    sent = {name: host.sent[name] for name in ("aladinOperated", "addKind", "simKind", "account", "shipDate")}
    assert sent == {
        "aladinOperated": "10",
        "addKind": "N",
        "simKind": "E2",
        "account": "07000009001",
        "shipDate": "20260310",
    }


async def test_a_ported_number_is_never_sent_as_operated_by_us(host):
    host.answers = [envelope()]
    number = PortedNumber(
        "09000007001", "11-000-07001", date(2026, 3, 24), "山田", "花子", "ヤマダ", "ハナコ", "female", date(1990, 4, 1)
    )
    await adapter(host).activate_esim(EsimActivation(EID, SimKind.VOICE, "P", number=number))
    assert (host.sent["aladinOperated"], host.sent["addKind"]) == ("20", "M")
    assert host.sent["mnp"]["reserveNumber"] == "1100007001"
    assert host.sent["mnp"]["birthday"] == "19900401"
    assert "山田" not in repr(number)


async def test_voice_options_are_sent_confirmed_and_only_as_far_as_chosen(host):
    host.answers = [envelope()]
    accepted = await adapter(host).register_voice_options("07000009001", VoiceOptions(voice_mail=True))
    assert accepted.timing is Timing.MINUTES
    assert (host.sent["userConfirmed"], host.sent["talkOption"]) == ("10", {"voiceMail": "10"})


async def test_no_secret_and_no_whole_number_reaches_the_log(host, caplog):
    caplog.set_level(logging.DEBUG)
    host.answers = [envelope("400", "310"), httpx.ReadTimeout("late")]
    freebit = adapter(host)
    await freebit.get_line("07000009001")
    with pytest.raises(FreebitUnclear) as unclear:
        await freebit.activate_esim(ACTIVATION)
    told = caplog.text + repr(unclear.value) + repr(FreebitSettings("http://freebit.test", "OEM", "oem-secret"))
    assert "…9001 400-310" in told
    for hidden in ("oem-secret", "key-1", "07000009001", EID):
        assert hidden not in told


def test_tables_are_overridden_row_by_row_and_typing_errors_are_named():
    tables = FreebitTables().overridden(
        {
            "paths": {"detail": "mvno/detail"},
            "states": {"live": "active"},
            "codes": {"400-777": "eid_conflict"},
            "look_after": {"minutes": [1, 2]},
        }
    )
    assert tables.paths[Call.DETAIL] == "mvno/detail"
    assert tables.paths[Call.LOG_IN] == "authOem"
    assert tables.states["live"] is LineState.ACTIVE
    assert tables.codes["400-777"] is Reason.EID_CONFLICT
    assert tables.look_after[Timing.MINUTES] == (1, 2)
    for wrong in ({"path": {}}, {"paths": {"nothing": "x"}}, {"states": "x"}, {"states": {"live": "alive"}}):
        with pytest.raises(ValueError, match=r".+"):
            FreebitTables().overridden(wrong)
