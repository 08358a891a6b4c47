"""Every row of the tables that the reference marks as assumed can be changed by the JSON setting, without code."""

import json
from dataclasses import fields
from datetime import date

import httpx
import pytest

from portal_chassis.outbound import Outbound
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_fulfillment.freebit import Freebit, FreebitSettings
from portal_fulfillment.freebit_calls import Call
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.sim import (
    CardActivation,
    EsimActivation,
    PortedNumber,
    SimKind,
    Target,
    TopUp,
    Usage,
    VoiceOptions,
)
from portal_fulfillment.testing_freebit import ScriptedFreebit, envelope

ACCOUNT, CARD = "07000009001", "AX0000000000001"
EID = "89049032000000000000000000000357"
PORTED = PortedNumber(
    "09000007001", "11-000-07001", date(2026, 3, 24), "山田", "花子", "ヤマダ", "ハナコ", "female", date(1990, 4, 1)
)


def card(number):
    return CardActivation(CARD, SimKind.VOICE, "PASI_20G", number=number)


NO_LINE = envelope("400", "310")
HISTORY = envelope(
    account=ACCOUNT,
    total="1500",
    count="2",
    quotaHistory=[
        {"quota": "1000", "quotaCode": "topup-2", "date": "20260102", "expire": "20260331"},
        {"quota": "500", "quotaCode": "", "date": "20260101", "expire": ""},
    ],
)


def row(name, key, value):
    return pytest.param({name: {key: value}}, id=f"{name}.{key}")


ASSUMED_PATHS = [row("paths", call.value, f"other/{call.value}") for call in Call]


@pytest.mark.parametrize("changes", ASSUMED_PATHS)
def test_every_path_is_a_row(changes):
    ((call, path),) = changes["paths"].items()
    assert FreebitTables().overridden(changes).paths[Call(call)] == path


async def test_a_changed_path_is_used():
    freebits = ScriptedFreebit(
        {"paths": {"change_plan": "mvno/plan/change", "quota_history": "mvno/quota"}}, envelope()
    )
    await freebits.sims.change_plan(ACCOUNT, "P")
    freebits.answers = [HISTORY]
    await freebits.sims.quota_history(ACCOUNT, date(2026, 1, 1), date(2026, 1, 31))
    assert [path for path, _ in freebits.sent] == ["mvno/plan/change", "mvno/quota"]


async def test_every_field_of_the_detail_reply_is_a_row():
    words = FreebitTables().detail_fields
    renamed = {word: f"x_{word}" for word in words}
    shown = {
        "x_account": ACCOUNT,
        "x_state": "live",
        "x_plan_code": "P",
        "x_eid": EID,
        "x_iccid": "8981",
        "x_product_number": CARD,
        "x_network": "5G",
        "x_voice": "10",
        "x_voice_options": {"vm": "10"},
        "x_started_on": "20260101",
        "x_ended_on": "20260201",
        "x_running": [{"x_running_type": "swap"}],
        "x_activation_code": "LPA:1$s$c",
    }
    tables = {
        "detail_fields": renamed,
        "states": {"live": "active"},
        "running_types": {"swap": "reissue"},
        "voice_option_fields": {"voice_mail": "vm"},
        "detail_version": "3",
    }
    freebits = ScriptedFreebit(tables, envelope(x_lines=[shown]))
    line = await freebits.sims.line(ACCOUNT)
    assert (line.account, line.state, line.plan_code, line.eid, line.iccid) == (ACCOUNT, "active", "P", EID, "8981")
    assert (line.product_number, line.network, line.carries_voice) == (CARD, "5G", True)
    assert line.voice_options.voice_mail is True
    assert (line.started_on, line.ended_on) == (date(2026, 1, 1), date(2026, 2, 1))
    assert (line.running_requests, line.activation_code) == (("reissue",), "LPA:1$s$c")
    assert freebits.sent[0][1]["version"] == "3"


async def test_every_field_of_usage_and_history_is_a_row():
    traffic = {"traffic": "t", "today": "now", "recent_days": "days", "throttled": "slow", "remaining": "left"}
    history = {"account": "number", "from": "a", "to": "b", "entries": "all", "quota": "mb", "key": "id"}
    history |= {"added_on": "on", "expires_on": "until"}
    freebits = ScriptedFreebit(
        {"traffic_fields": traffic, "history_fields": history, "kilobytes_per_megabyte": 1024},
        envelope(t={"now": "2048", "days": "1024", "slow": "20", "left": "4096"}),
        envelope(all=[{"mb": "7", "id": "k", "on": "20260101", "until": "20260102"}]),
    )
    assert await freebits.sims.usage(ACCOUNT) == Usage(2, (1,), throttled=False, remaining_mb=4)
    found = await freebits.sims.quota_history(ACCOUNT, date(2026, 1, 1), date(2026, 1, 2))
    assert found == (TopUp(7, "k", date(2026, 1, 1), date(2026, 1, 2)),)
    assert freebits.sent[1][1] == {"number": ACCOUNT, "a": "20260101", "b": "20260102"}


async def test_every_field_of_a_card_and_of_porting_is_a_row():
    card_fields = {word: f"c_{word}" for word in FreebitTables().card_fields}
    porting_fields = {word: f"p_{word}" for word in FreebitTables().porting_fields}
    tables = {
        "card_fields": card_fields,
        "porting_fields": porting_fields,
        "genders": {"female": "F"},
        "constants": {"activate_over_the_air": {"masterAccount": "M"}},
        "card_requests": {"activate_over_the_air": ["add_kind", "card_number", "network", "plan_code", "porting"]},
        "ported_card_route": "ota",
    }
    freebits = ScriptedFreebit(tables)
    await freebits.sims.activate_physical(card(PORTED))
    ((_, body),) = freebits.sent
    assert body == {
        "masterAccount": "M",
        "c_add_kind": "M",
        "c_card_number": CARD,
        "c_network": "5G",
        "c_plan_code": "PASI_20G",
        "c_porting": {
            "p_reservation": "1100007001",
            "p_expires_on": "20260324",
            "p_family_name": "山田",
            "p_given_name": "花子",
            "p_family_name_kana": "ヤマダ",
            "p_given_name_kana": "ハナコ",
            "p_gender": "F",
            "p_born_on": "19900401",
        },
    }


async def test_the_words_of_card_states_are_rows():
    words = {"semi_black": "11", "reservation_cancelled": "61"}
    freebits = ScriptedFreebit({"words": words}, NO_LINE, envelope(), envelope("400", "352"))
    with pytest.raises(Refused):
        await freebits.sims.activate_physical(card(PORTED))
    assert freebits.sent[1][1]["mnp"]["method"] == "11"
    assert freebits.sent[-1][1]["state"] == "61"


async def test_every_voice_option_and_sim_kind_is_a_row():
    options = {word: f"o_{word}" for word in FreebitTables().voice_option_fields}
    freebits = ScriptedFreebit({"voice_option_fields": options, "sim_kinds": {"data_with_sms": "E9"}})
    await freebits.sims.change_voice_options(ACCOUNT, VoiceOptions(*[True] * 5))
    await freebits.sims.activate(EsimActivation(EID, SimKind.DATA_WITH_SMS, "P", number=PORTED))
    assert freebits.sent[0][1]["talkOption"] == dict.fromkeys(options.values(), "10")
    assert freebits.sent[1][1]["simKind"] == "E9"


@pytest.mark.parametrize("pair", sorted(FreebitTables().codes))
async def test_every_code_is_a_row(pair):
    freebits = ScriptedFreebit({"codes": {pair: "account_busy"}}, envelope(*pair.split("-")))
    with pytest.raises(TryLater, match="LINE_BUSY"):
        await freebits.sims.top_up(ACCOUNT, 1, "k")


async def test_delays_looks_and_timings_are_rows():
    tables = {
        "delays": {"busy": 1200, "read": 7, "connect": 3, "key_kept": 60, "send_within": 2},
        "timings": {"add_quota": "half_hour"},
        "look_after": {"half_hour": [10, 5]},
    }
    freebits = ScriptedFreebit(tables)
    accepted = await freebits.sims.top_up(ACCOUNT, 1, "k")
    assert (accepted.timing, freebits.sims.looks_after("top_up")) == ("half_hour", (5, 10))
    freebits.answers = [envelope("400", "330")]
    with pytest.raises(TryLater) as busy:
        await freebits.sims.top_up(ACCOUNT, 1, "k")
    assert busy.value.retry_after == 1200
    known = FreebitSettings.of("http://freebit.test", "OEM", "x", freebits.tables)
    assert (known.connect_timeout, known.read_timeout, known.key_kept, known.send_within) == (3, 7, 60, 2)


@pytest.mark.parametrize(
    ("tables", "target", "call"),
    [
        ({}, Target(eid=EID), Call.ACTIVATE_ESIM),
        ({}, Target(card_number=CARD), Call.REGISTER_CARD),
        ({"new_card_route": "ota"}, Target(card_number=CARD), Call.ACTIVATE_OVER_THE_AIR),
        ({}, Target(card_number=CARD, is_ported=True), Call.REGISTER_RESERVED_CARD),
    ],
)
def test_looks_after_an_activation_follow_its_route(tables, target, call):
    freebits = ScriptedFreebit({**tables, "timings": {call.value: "half_hour"}, "look_after": {"half_hour": [77]}})
    assert freebits.sims.looks_after_activation(target) == (77,)


async def test_the_look_ups_without_a_number_are_rows():
    shown = {"account": ACCOUNT, "state": "active", "eid": EID, "productNumber": CARD}
    freebits = ScriptedFreebit({"eid_field": "phone", "card_field": "card"}, *[envelope(responseDatas=[shown])] * 2)
    await freebits.sims.lines_of(EID)
    await freebits.sims.lines_of_card(CARD)
    asked = [body["requestDatas"] for _, body in freebits.sent]
    assert asked == [[{"kind": "MVNO", "phone": EID}], [{"kind": "MVNO", "card": CARD}]]
    without = ScriptedFreebit({"card_field": ""})
    with pytest.raises(Misconfigured):
        await without.sims.lines_of_card(CARD)
    assert without.requests == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("urlencoded", "application/x-www-form-urlencoded"),
        ("multipart", "multipart/form-data"),
        ("json", "application/json"),
    ],
)
async def test_the_encoding_is_a_setting(body, content_type):
    seen = []

    def host(request):
        seen.append(request)
        return httpx.Response(200, json=envelope(authKey="key"))

    settings = FreebitSettings("http://freebit.test", "OEM", "x", tables=FreebitTables().overridden({"body": body}))
    http = httpx.AsyncClient(transport=httpx.MockTransport(host))
    await Freebit(settings, http, Outbound("freebit", at_once=1)).change_plan(ACCOUNT, "P", None)
    assert {request.headers["content-type"].split(";")[0] for request in seen} == {content_type}
    assert b"planCode" in await seen[1].aread()


def test_every_table_can_be_changed_by_json_and_wrong_rows_are_named():
    for one in fields(FreebitTables):
        present = getattr(FreebitTables(), one.name)
        same = json.loads(json.dumps(dict(present) if hasattr(present, "items") else present, default=dict))
        assert getattr(FreebitTables().overridden({one.name: same}), one.name) == present
    for wrong in ({"new_card_route": "pigeon"}, {"body": "xml"}, {"least_top_up": "few"}, {"delays": {"busy": "x"}}):
        with pytest.raises(ValueError, match=r".+"):
            FreebitTables().overridden(wrong)
