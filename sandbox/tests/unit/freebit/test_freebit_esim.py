"""PA05-41: new, port-in, reissue; asynchronous completion; what happens when it never or badly ends."""

import csv
import io

import pytest

EID = "89049032000000000000000000000357"
OTHER_EID = "89049032000000000000000000000454"
PORTED = "09000007001"


def port_in(expires: str, **changes) -> dict:
    mnp = {
        "reserveNumber": "1100007001",
        "reserveExpireDate": expires,
        "lastnameKanji": "山田",
        "firstnameKanji": "花子",
        "lastnameZenKana": "ヤマダ",
        "firstnameZenKana": "ハナコ",
        "gender": "W",
        "birthday": "19900401",
    }
    return {"addKind": "M", "account": PORTED, "mnp": {**mnp, **changes}}


async def test_a_new_esim_gets_a_number_at_once_and_lives_after_the_delay(freebit):
    reply = await freebit.new_esim()
    account = reply["account"]
    assert (await freebit.detail(account))["state"] == "pending"
    assert [entry.key for entry in freebit.effects("esim.requested")] == [EID]
    assert freebit.effects("esim.activated") == []
    freebit.core.clock.advance(2)
    line = await freebit.detail(account)
    assert (line["state"], line["eid"], line["talk"], line["contractLine"]) == ("active", EID, "10", "5G")
    assert line["startDate"] == "20260310"
    assert line["iccid"].startswith("8981")
    assert line["activationCode"].startswith("LPA:1$smdp.sandbox.invalid$")
    assert [entry.detail["account"] for entry in freebit.effects("esim.activated", EID)] == [account]


async def test_the_delay_can_be_ten_minutes(freebit):
    freebit.switch(completionSeconds=600)
    account = (await freebit.new_esim())["account"]
    freebit.core.clock.advance(599)
    assert (await freebit.detail(account))["state"] == "pending"
    freebit.core.clock.advance(1)
    assert (await freebit.detail(account))["state"] == "active"


async def test_moving_the_clock_completes_without_any_further_call(freebit):
    await freebit.new_esim()
    freebit.core.clock.advance(3)
    assert len(freebit.effects("esim.activated", EID)) == 1


async def test_a_line_is_found_by_its_eid_when_the_number_is_not_known(freebit):
    account = (await freebit.new_esim())["account"]
    assert (await freebit.detail(eid=EID))["account"] == account
    freebit.switch(eidLookup=False)
    assert await freebit.pair("mvno/getDetail", requestDatas=[{"kind": "MVNO", "eid": EID}]) == "400-302"


async def test_an_unknown_eid_and_an_unknown_number_are_not_found(freebit):
    for asked in ({"eid": EID}, {"account": "07099999999"}):
        assert await freebit.pair("mvno/getDetail", requestDatas=[{"kind": "MVNO", **asked}]) == "400-310"


async def test_a_second_request_for_the_same_eid_is_refused_while_open_and_after_activation(freebit):
    await freebit.new_esim()
    assert (await freebit.new_esim())["status"]["statusCode"] == "351"
    freebit.core.clock.advance(3)
    assert (await freebit.new_esim())["status"]["statusCode"] == "351"
    assert len(freebit.effects("esim.requested")) == 1


async def test_by_switch_an_eid_carries_several_lines(freebit):
    freebit.switch(oneLinePerEid=False)
    await freebit.new_esim()
    freebit.core.clock.advance(3)
    await freebit.new_esim()
    freebit.core.clock.advance(3)
    reply = await freebit.call("mvno/getDetail", requestDatas=[{"kind": "MVNO", "eid": EID}])
    assert [line["state"] for line in reply["responseDatas"]] == ["active", "active"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"eid": "123"}, "350"),
        ({"simKind": "E9"}, "302"),
        ({"simKind": None}, "301"),
        ({"planCode": "NO_SUCH_PLAN"}, "320"),
        ({"contractLine": "6G"}, "302"),
        ({"account": "07000009999"}, "302"),
        ({"aladinOperated": "10"}, "301"),
        ({"createType": "add"}, "301"),
        ({"addKind": "X"}, "302"),
    ],
)
async def test_a_new_esim_with_a_wrong_field_is_refused(freebit, changes, code):
    assert (await freebit.new_esim(**changes))["status"]["statusCode"] == code
    assert freebit.effects("esim.requested") == []


async def test_aladin_operated_requests_bring_their_own_number(freebit):
    own = {"aladinOperated": "10", "account": "07000009001", "repAccount": "07000009000", "shipDate": "20260310"}
    assert (await freebit.new_esim(**own))["account"] == "07000009001"
    taken = {**own, "account": "07000006001"}
    assert (await freebit.new_esim(OTHER_EID, **taken))["status"]["statusCode"] == "313"


@pytest.mark.parametrize("add_kind", ["M", "R"])
async def test_aladin_operated_with_anything_but_new_is_the_one_confirmed_error(freebit, add_kind):
    assert (await freebit.new_esim(addKind=add_kind, aladinOperated="10"))["status"]["statusCode"] == "356"


async def test_a_data_esim_without_sms_gets_a_long_number(freebit):
    account = (await freebit.new_esim(simKind="E2"))["account"]
    assert len(account) == 14
    assert (await freebit.detail(account))["sms"] == "20"


async def test_a_port_in_checks_reservation_expiry_and_identity(freebit):
    assert (await freebit.new_esim(**port_in("20260324", reserveNumber="9999999999")))["status"]["statusCode"] == "352"
    assert (await freebit.new_esim(**port_in("20260324", firstnameKanji="太郎")))["status"]["statusCode"] == "353"
    assert (await freebit.new_esim(**port_in("20260324", reserveNumber="12")))["status"]["statusCode"] == "352"
    assert (await freebit.new_esim(**port_in("20260324")))["resultCode"] == "100"
    freebit.core.clock.advance(3)
    assert (await freebit.detail(PORTED))["state"] == "active"


async def test_a_port_in_after_the_reservation_expired_is_refused(freebit):
    freebit.core.clock.advance(15 * 86400)
    assert (await freebit.new_esim(**port_in("20260324")))["status"]["statusCode"] == "352"


async def test_a_reissue_moves_the_line_to_the_new_eid(freebit):
    before = await freebit.detail("07000006001")
    reissue = {
        "aladinOperated": "20",
        "addKind": "R",
        "account": "07000006001",
        "eid": EID,
        "reissue": {"oldProductNumber": before["productNumber"], "oldEid": before["eid"]},
    }
    assert await freebit.pair("mvno/esim/addAcnt", **reissue) == "100-200"
    assert await freebit.pair("mvno/esim/addAcnt", **reissue) == "400-330"
    freebit.core.clock.advance(3)
    after = await freebit.detail("07000006001")
    assert after["eid"] == EID
    assert after["iccid"] != before["iccid"]
    assert after["activationCode"] != before["activationCode"]
    assert len(freebit.effects("esim.reissued", EID)) == 1
    assert freebit.effects("esim.activated") == []


async def test_a_reissue_must_name_the_old_eid(freebit):
    wrong = {"addKind": "R", "account": "07000006001", "eid": EID, "reissue": {"oldEid": OTHER_EID}}
    assert await freebit.pair("mvno/esim/addAcnt", **wrong) == "400-350"
    assert await freebit.pair("mvno/esim/addAcnt", **{**wrong, "simKind": "E0"}) == "400-302"


async def test_a_request_can_stay_open_for_ever_until_the_switch_goes_back(freebit):
    freebit.switch(neverFor=EID)
    account = (await freebit.new_esim())["account"]
    freebit.core.clock.advance(86400)
    assert (await freebit.detail(account))["state"] == "pending"
    freebit.switch(neverFor="")
    assert (await freebit.detail(account))["state"] == "active"


async def test_a_failed_request_leaves_a_dead_line_and_a_free_eid(freebit):
    freebit.switch(completion="failure")
    account = (await freebit.new_esim())["account"]
    freebit.core.clock.advance(3)
    assert (await freebit.detail(account))["state"] == "failed"
    assert len(freebit.effects("esim.failed", EID)) == 1
    freebit.switch(completion="normal")
    again = await freebit.new_esim()
    assert again["resultCode"] == "100"
    assert again["account"] != account


async def test_the_notification_file_lists_what_ended(freebit):
    freebit.switch(failFor=OTHER_EID)
    await freebit.new_esim()
    await freebit.new_esim(OTHER_EID)
    freebit.core.clock.advance(3)
    rows = list(csv.DictReader(io.StringIO((await freebit.http.get("/_sim/notifications")).text)))
    assert [(row["requestType"], row["eid"], row["result"]) for row in rows] == [
        ("esim_new", EID, "OK"),
        ("esim_new", OTHER_EID, "NG"),
    ]
    assert rows[0]["completedAt"] == "20260310120002"
    assert rows[1]["reason"] == "PROFILE_DOWNLOAD_ERROR"


async def test_the_activation_code_can_stay_unknown(freebit):
    freebit.switch(esimActivationCode="none")
    account = (await freebit.new_esim())["account"]
    freebit.core.clock.advance(3)
    assert "activationCode" not in await freebit.detail(account)


async def test_a_reset_brings_the_first_day_back(freebit):
    first = (await freebit.new_esim())["account"]
    await freebit.core.reset()
    freebit.key = ""
    assert await freebit.pair("mvno/getDetail", requestDatas=[{"kind": "MVNO", "account": first}]) == "400-310"
    assert (await freebit.new_esim())["account"] == first
