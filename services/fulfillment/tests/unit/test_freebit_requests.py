"""What each call sends and understands (reference/freebit.md 3, 4)."""

from datetime import date

import pytest

from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_fulfillment.ports import Unclear
from portal_fulfillment.sim import (
    AssignedNumber,
    CardActivation,
    EsimActivation,
    EsimReissue,
    PortedNumber,
    PreparedNumber,
    SimKind,
    TopUp,
    Usage,
    VoiceOptions,
    has_right_check_digits,
)
from portal_fulfillment.testing_freebit import ScriptedFreebit, envelope

ACCOUNT, CARD = "07000009001", "AX0000000000001"
EID, OLD_EID = "89049032000000000000000000000357", "89049032000000000000000000000163"
PORTED = PortedNumber(
    "09000007001", "11-000-07001", date(2026, 3, 24), "山田", "花子", "ヤマダ", "ハナコ", "female", date(1990, 4, 1)
)
ONE_STOP = PortedNumber("09000007001", None, None, "山田", "花子", "ヤマダ", "ハナコ", "male", date(1990, 4, 1))
IDENTITY = {
    "lastnameKanji": "山田",
    "firstnameKanji": "花子",
    "lastnameZenKana": "ヤマダ",
    "firstnameZenKana": "ハナコ",
    "birthday": "19900401",
}
MNP = {"reserveNumber": "1100007001", "reserveExpireDate": "20260324", **IDENTITY, "gender": "W"}


def card(number=AssignedNumber()):  # noqa: B008 - frozen
    return CardActivation(CARD, SimKind.VOICE, "PASI_20G", number=number)


REQUESTS = {
    "top_up": (
        lambda sims: sims.top_up(ACCOUNT, 1000, "topup-1", date(2026, 12, 31)),
        "master/addSpec",
        {"kind": "MVNO", "account": ACCOUNT, "quota": "1000", "quotaCode": "topup-1", "expire": "20261231"},
    ),
    "top_up_for_good": (
        lambda sims: sims.top_up(ACCOUNT, 1, "k"),
        "master/addSpec",
        {"kind": "MVNO", "account": ACCOUNT, "quota": "1", "quotaCode": "k"},
    ),
    "plan": (
        lambda sims: sims.change_plan(ACCOUNT, "LTE3G_P01"),
        "mvno/changePlan",
        {"account": ACCOUNT, "planCode": "LTE3G_P01"},
    ),
    "plan_on_a_day": (
        lambda sims: sims.change_plan(ACCOUNT, "LTE3G_P01", date(2026, 5, 1)),
        "mvno/changePlan",
        {"account": ACCOUNT, "planCode": "LTE3G_P01", "runTime": "20260501"},
    ),
    "options": (
        lambda sims: sims.change_voice_options(ACCOUNT, VoiceOptions(call_transfer=False, roaming_calls=True)),
        "mvno/talkoption/changeOrder",
        {"account": ACCOUNT, "userConfirmed": "10", "talkOption": {"callTransfer": "20", "worldWing": "10"}},
    ),
    "network": (
        lambda sims: sims.change_network(ACCOUNT, "4G"),
        "mvno/contractline/change",
        {"account": ACCOUNT, "contractLine": "4G"},
    ),
    "reissue": (
        lambda sims: sims.reissue_esim(EsimReissue(ACCOUNT, EID, OLD_EID, CARD)),
        "mvno/esim/addAcnt",
        {
            "aladinOperated": "20",
            "addKind": "R",
            "account": ACCOUNT,
            "eid": EID,
            "reissue": {"oldEid": OLD_EID, "oldProductNumber": CARD},
        },
    ),
    "cancel": (lambda sims: sims.cancel_line(ACCOUNT), "master/cnclAcnt", {"kind": "MVNO", "account": ACCOUNT}),
    "cancel_on_a_day": (
        lambda sims: sims.cancel_line(ACCOUNT, date(2026, 5, 1)),
        "master/cnclAcnt",
        {"kind": "MVNO", "account": ACCOUNT, "runDate": "20260501"},
    ),
    "esim_ported": (
        lambda sims: sims.activate(EsimActivation(EID, SimKind.VOICE, "P", number=PORTED)),
        "mvno/esim/addAcnt",
        {
            "aladinOperated": "20",
            "addKind": "M",
            "eid": EID,
            "simKind": "E0",
            "planCode": "P",
            "contractLine": "5G",
            "account": "09000007001",
            "mnp": MNP,
        },
    ),
    "esim_one_stop": (
        lambda sims: sims.activate(EsimActivation(EID, SimKind.VOICE, "P", number=ONE_STOP)),
        "mvno/esim/addAcnt",
        {
            "aladinOperated": "20",
            "addKind": "M",
            "eid": EID,
            "simKind": "E0",
            "planCode": "P",
            "contractLine": "5G",
            "account": "09000007001",
            "mnp": {"oneStop": "10", **IDENTITY, "gender": "M"},
        },
    ),
    "card": (
        lambda sims: sims.activate_physical(card(PreparedNumber(ACCOUNT))),
        "master/addAcnt",
        {
            "kind": "MVNO",
            "createType": "new",
            "account": ACCOUNT,
            "productNumber": CARD,
            "planCode": "PASI_20G",
            "contractLine": "5G",
        },
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_is_sent_as_the_reference_has_it(name):
    ask, path, body = REQUESTS[name]
    freebits = ScriptedFreebit()
    await ask(freebits.sims)
    assert freebits.sent == [(path, body)]


async def test_a_card_over_the_air_is_one_request():
    freebits = ScriptedFreebit({"new_card_route": "ota", "ported_card_route": "ota"})
    await freebits.sims.activate_physical(card(PreparedNumber(ACCOUNT)))
    await freebits.sims.activate_physical(card(PORTED))
    common = {"productNumber": CARD, "planCode": "PASI_20G", "contractLine": "5G"}
    assert freebits.sent == [
        ("mvno/ota/addAcnt", {"addKind": "N", "account": ACCOUNT, **common}),
        ("mvno/ota/addAcnt", {"addKind": "M", "account": "09000007001", **common, "mnp": MNP}),
    ]


NO_LINE = envelope("400", "310")


def reserved():
    shown = {"account": "09000007001", "state": "temporary", "productNumber": CARD}
    return envelope(responseDatas=[shown])


RESERVE = {"account": "09000007001", "productNumber": CARD, "mnp": {"method": "10", **MNP}}
REGISTER = {"createType": "new", "account": "09000007001", "planCode": "PASI_20G", "mnp": MNP}


async def test_a_ported_card_is_reserved_and_then_registered():
    freebits = ScriptedFreebit({}, NO_LINE)
    await freebits.sims.activate_physical(card(PORTED))
    assert freebits.sent[1:] == [("mvno/semiblack/addTempAcnt", RESERVE), ("mvno/semiblack/addAcnt", REGISTER)]


async def test_a_card_that_is_reserved_already_is_only_registered():
    freebits = ScriptedFreebit({}, reserved())
    await freebits.sims.activate_physical(card(PORTED))
    assert freebits.sent[1:] == [("mvno/semiblack/addAcnt", REGISTER)]


async def test_a_reservation_with_which_freebit_does_not_go_on_is_cancelled():
    freebits = ScriptedFreebit({}, NO_LINE, envelope(), envelope("400", "353"))
    with pytest.raises(Refused, match="PORTING_IDENTITY_MISMATCH"):
        await freebits.sims.activate_physical(card(PORTED))
    path, body = freebits.sent[-1]
    assert (path, body["state"]) == ("mvno/semiblack/changeState", "60")
    assert body["mnp"] == {"method": "10", "reserveNumber": "1100007001"}


async def test_an_earlier_reservation_makes_room_for_the_present_one():
    freebits = ScriptedFreebit({}, reserved(), envelope("400", "352"))
    await freebits.sims.activate_physical(card(PORTED))
    assert [path.rpartition("/")[2] for path, _ in freebits.sent[1:]] == [
        "addAcnt",
        "changeState",
        "addTempAcnt",
        "addAcnt",
    ]


@pytest.mark.parametrize("pair", [("400", "310"), ("400", "330"), ("400", "999")])
async def test_a_card_that_may_be_in_service_is_never_cancelled(pair):
    freebits = ScriptedFreebit({}, reserved(), envelope(*pair))
    with pytest.raises((Refused, TryLater)):
        await freebits.sims.activate_physical(card(PORTED))
    assert "mvno/semiblack/changeState" not in [path for path, _ in freebits.sent]


@pytest.mark.parametrize(
    ("tables", "number"),
    [
        ({}, AssignedNumber()),
        ({"new_card_route": "semi_black"}, PreparedNumber(ACCOUNT)),
        ({"ported_card_route": "account_registration"}, PORTED),
    ],
)
async def test_what_a_route_cannot_do_is_our_set_up_and_nothing_is_sent(tables, number):
    freebits = ScriptedFreebit(tables)
    with pytest.raises(Misconfigured):
        await freebits.sims.activate_physical(card(number))
    assert freebits.requests == []


@pytest.mark.parametrize("megabytes", [0, 99, 51_201])
async def test_a_top_up_out_of_range_is_refused_before_it_is_sent(megabytes):
    freebits = ScriptedFreebit({"least_top_up": 100, "most_top_up": 51_200})
    with pytest.raises(Refused) as refused:
        await freebits.sims.top_up(ACCOUNT, megabytes, "k")
    assert refused.value.facts == {"pair": "QUOTA_OUT_OF_RANGE"}
    assert freebits.requests == []


WRITES = [name for name in REQUESTS if name != "plan_on_a_day"]
PROBLEMS = [
    (("400", "301"), "SIM_REFUSED"),
    (("400", "302"), "SIM_REFUSED"),
    (("400", "310"), "SIM_REFUSED"),
    (("400", "311"), "SIM_REFUSED"),
    (("400", "312"), "SIM_REFUSED"),
    (("400", "313"), "SIM_REFUSED"),
    (("400", "320"), "SIM_REFUSED"),
    (("400", "330"), "LINE_BUSY"),
    (("400", "340"), "SIM_REFUSED"),
    (("400", "350"), "SIM_REFUSED"),
    (("400", "351"), "SIM_IN_USE"),
    (("400", "352"), "PORTING_RESERVATION_REFUSED"),
    (("400", "353"), "PORTING_IDENTITY_MISMATCH"),
    (("400", "354"), "SIM_CARD_UNKNOWN"),
    (("400", "355"), "SIM_REFUSED"),
    (("400", "356"), "SIM_REFUSED"),
    (("400", "999"), "SIM_REFUSED"),
    (("403", "403"), "FREEBIT_MISCONFIGURED"),
    (("503", "503"), "FREEBIT_UNAVAILABLE"),
]


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(("pair", "code"), PROBLEMS, ids=str)
async def test_every_code_of_freebit_is_a_problem_of_the_portal(name, pair, code):  # freebit.md 4
    freebits = ScriptedFreebit({}, envelope(*pair))
    with pytest.raises((Refused, TryLater, Misconfigured)) as raised:
        await REQUESTS[name][0](freebits.sims)
    assert raised.value.code == code
    if isinstance(raised.value, Refused):
        assert raised.value.facts["pair"] == "_".join(pair)
        assert ("card" in raised.value.facts) is (code == "SIM_CARD_UNKNOWN")
    if code == "LINE_BUSY":
        assert raised.value.retry_after == 600


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("pair", [("500", "500"), ("599", "1")], ids=str)
async def test_a_system_error_leaves_a_write_unclear(name, pair):
    with pytest.raises(Unclear):
        await REQUESTS[name][0](ScriptedFreebit({}, envelope(*pair)).sims)


TRAFFIC = envelope(account=ACCOUNT, traffic={"today": "123456", "inRecentDays": "1000,2999,3000", "blackList": "10"})
HISTORY = envelope(
    account=ACCOUNT,
    total="1500",
    count="2",
    quotaHistory=[
        {"quota": "1000", "quotaCode": "topup-2", "date": "20260102", "expire": "20260331"},
        {"quota": "500", "quotaCode": "", "date": "20260101", "expire": ""},
    ],
)


async def test_usage_is_read_in_megabytes_newest_day_first():
    freebits = ScriptedFreebit({}, TRAFFIC)
    assert await freebits.sims.usage(ACCOUNT) == Usage(123, (1, 2, 3), throttled=True)
    assert freebits.sent == [("mvno/getTrafficInfo", {"account": ACCOUNT})]


async def test_the_history_of_top_ups_is_read():
    freebits = ScriptedFreebit({}, HISTORY)
    history = await freebits.sims.quota_history(ACCOUNT, date(2026, 1, 1), date(2026, 1, 31))
    assert history == (
        TopUp(1000, "topup-2", date(2026, 1, 2), date(2026, 3, 31)),
        TopUp(500, "", date(2026, 1, 1)),
    )
    body = {"account": ACCOUNT, "fromDate": "20260101", "toDate": "20260131"}
    assert freebits.sent == [("mvno/getQuotaHistory", body)]


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"traffic": None},
        {"traffic": []},
        {"traffic": {"today": "much"}},
        {"traffic": {"today": "1", "inRecentDays": "1,x"}},
        {"quotaHistory": ""},
        {"quotaHistory": {}},
        {"quotaHistory": [{"quota": "x"}]},
        {"quotaHistory": ["x"]},
    ],
    ids=str,
)
async def test_a_reply_that_makes_no_sense_is_no_answer(reply):
    sims = ScriptedFreebit({}, envelope(**reply), envelope(**reply)).sims
    with pytest.raises(TryLater):
        await sims.usage(ACCOUNT)
    with pytest.raises(TryLater):
        await sims.quota_history(ACCOUNT, date(2026, 1, 1), date(2026, 1, 31))


@pytest.mark.parametrize("pair", [("400", "312"), ("400", "320"), ("400", "311")], ids=str)
async def test_usage_a_line_does_not_have_is_refused(pair):
    with pytest.raises(Refused, match="SIM_REFUSED"):
        await ScriptedFreebit({}, envelope(*pair)).sims.usage(ACCOUNT)


@pytest.mark.parametrize(
    ("eid", "right"),
    [
        ("89049032000000000000000000000163", True),
        ("89049032000000000000000000000357", True),
        ("89049032000000000000000000000358", False),
        ("", False),
    ],
)
def test_check_digits_of_an_eid(eid, right):
    assert has_right_check_digits(eid) is right
