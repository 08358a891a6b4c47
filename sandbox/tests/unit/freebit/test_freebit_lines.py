"""Day-2 calls: quota, traffic, plan, voice options, network, cancellation, cards."""

import pytest

VOICE = "07000006001"
DATA = "02000000006002"
GROUPED = "07000006003"
GROUP = "AAA0_00000000001"
WITHOUT_PLAN = "07000006004"
CANCELLED = "07000006005"


def quota(account: str, megabytes: str = "1000", **more) -> dict:
    return {"kind": "MVNO", "account": account, "quota": megabytes, **more}


def history(account: str) -> dict:
    return {"account": account, "fromDate": "20260301", "toDate": "20260331"}


async def test_added_quota_shows_in_the_history_with_its_code(freebit):
    assert await freebit.pair("master/addSpec", **quota(VOICE, quotaCode="topup-1", expire="20260630")) == "100-200"
    reply = await freebit.call("mvno/getQuotaHistory", **history(VOICE))
    assert (reply["total"], reply["count"]) == ("1000", "1")
    assert reply["quotaHistory"] == [
        {"quota": "1000", "quotaCode": "topup-1", "date": "20260310", "expire": "20260630"}
    ]
    assert [entry.detail["quota"] for entry in freebit.effects("quota.added", VOICE)] == [1000]


async def test_a_repeated_quota_code_adds_again_because_freebit_does_not_notice(freebit):
    for _ in range(2):
        await freebit.call("master/addSpec", **quota(VOICE, quotaCode="topup-1"))
    assert len(freebit.effects("quota.added", VOICE)) == 2


@pytest.mark.parametrize(
    ("account", "megabytes", "pair"),
    [
        (VOICE, "0", "400-340"),
        (VOICE, "512001", "400-340"),
        (VOICE, "12x", "400-340"),
        (VOICE, "512000", "100-200"),
        (GROUPED, "100", "400-312"),
        (GROUP, "100", "100-200"),
        (CANCELLED, "100", "400-311"),
        ("07099999999", "100", "400-310"),
        ("070-0000-6001", "100", "400-302"),
    ],
)
async def test_quota_has_limits(freebit, account, megabytes, pair):
    assert await freebit.pair("master/addSpec", **quota(account, megabytes)) == pair


async def test_traffic_comes_in_kilobytes_for_today_and_three_days(freebit):
    reply = await freebit.call("mvno/getTrafficInfo", account=VOICE)
    assert reply["traffic"]["today"].isdigit()
    assert len(reply["traffic"]["inRecentDays"].split(",")) == 3
    assert reply["traffic"]["blackList"] == "20"
    assert (await freebit.call("mvno/getTrafficInfo", account="07000006007"))["traffic"]["blackList"] == "10"


@pytest.mark.parametrize(("account", "pair"), [(GROUPED, "400-312"), (WITHOUT_PLAN, "400-320"), (CANCELLED, "400-311")])
async def test_traffic_is_refused_for_groups_missing_plans_and_dead_lines(freebit, account, pair):
    assert await freebit.pair("mvno/getTrafficInfo", account=account) == pair


async def test_a_plan_changes_at_once_or_on_its_day_in_japan(freebit):
    assert await freebit.pair("mvno/changePlan", account=VOICE, planCode="PASI_5G") == "100-200"
    assert (await freebit.detail(VOICE))["planCode"] == "PASI_5G"
    await freebit.call("mvno/changePlan", account=VOICE, planCode="PASI_10G", runTime="20260401")
    # It is noon of 10 March in Japan: the first of April begins after 21 days and 12 hours.
    freebit.core.clock.advance(21 * 86400 + 12 * 3600 - 1)
    assert (await freebit.detail(VOICE))["planCode"] == "PASI_5G"
    freebit.core.clock.advance(1)
    assert (await freebit.detail(VOICE))["planCode"] == "PASI_10G"
    assert await freebit.pair("mvno/changePlan", account=VOICE, planCode="PASI_5G", runTime="20260101") == "400-302"


async def test_voice_options_are_registered_and_changed_later(freebit):
    confirmed = {"account": VOICE, "userConfirmed": "10"}
    await freebit.call("mvno/talkoption/addOrder", **confirmed, talkOption={"voiceMail": "10"})
    line = await freebit.detail(VOICE)
    assert line["talkOption"]["voiceMail"] == "20"
    assert line["pendingOrders"] == [{"type": "talkoption_register", "acceptedAt": "20260310120000"}]
    freebit.core.clock.advance(2)
    assert (await freebit.detail(VOICE))["talkOption"]["voiceMail"] == "10"
    await freebit.call("mvno/talkoption/changeOrder", **confirmed, talkOption={"callWaiting": "10"})
    freebit.core.clock.advance(2)
    options = (await freebit.detail(VOICE))["talkOption"]
    assert (options["voiceMail"], options["callWaiting"]) == ("10", "10")
    assert len(freebit.effects("line.talkoption_changed", VOICE)) == 2


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("mvno/talkoption/changeOrder", {"userConfirmed": "10", "talkOption": {}}),
        ("mvno/talkoption/changeOrder", {"userConfirmed": "20", "talkOption": {"voiceMail": "10"}}),
        ("mvno/talkoption/addOrder", {"userConfirmed": "20"}),
    ],
)
async def test_voice_options_need_confirmation_and_content(freebit, path, fields):
    assert await freebit.pair(path, account=VOICE, **fields) == "400-355"


async def test_registration_of_voice_options_may_be_empty_but_not_for_a_data_line(freebit):
    assert await freebit.pair("mvno/talkoption/addOrder", account=DATA, userConfirmed="10") == "400-311"
    assert await freebit.pair("mvno/talkoption/addOrder", account=VOICE, userConfirmed="10", talkOption={}) == "100-200"


async def test_a_network_change_locks_the_line_for_its_whole_time(freebit):
    freebit.switch(completionSeconds=600)
    assert await freebit.pair("mvno/contractline/change", account=VOICE, contractLine="4G") == "100-200"
    assert await freebit.pair("master/addSpec", **quota(VOICE)) == "400-330"
    assert await freebit.pair("mvno/contractline/change", account=VOICE, contractLine="4G") == "400-330"
    freebit.core.clock.advance(1799)
    assert await freebit.pair("master/addSpec", **quota(VOICE)) == "400-330"
    freebit.core.clock.advance(1)
    assert await freebit.pair("master/addSpec", **quota(VOICE)) == "100-200"
    assert (await freebit.detail(VOICE))["contractLine"] == "4G"


async def test_voice_option_requests_lock_by_switch(freebit):
    fields = {"account": VOICE, "userConfirmed": "10", "talkOption": {"voiceMail": "10"}}
    freebit.switch(talkOptionLocks=False)
    await freebit.call("mvno/talkoption/changeOrder", **fields)
    assert await freebit.pair("master/addSpec", **quota(VOICE)) == "100-200"
    assert await freebit.pair("mvno/talkoption/changeOrder", **fields) == "400-330"
    freebit.core.clock.advance(2)
    freebit.switch(talkOptionLocks=True)
    await freebit.call("mvno/talkoption/changeOrder", **fields)
    assert await freebit.pair("master/addSpec", **quota(VOICE)) == "400-330"


async def test_a_line_is_cancelled_at_once_or_on_its_day(freebit):
    assert await freebit.pair("master/cnclAcnt", kind="MVNO", account=DATA) == "100-200"
    assert (await freebit.detail(DATA))["state"] == "cancelling"
    freebit.core.clock.advance(2)
    assert (await freebit.detail(DATA))["state"] == "cancelled"
    await freebit.call("master/cnclAcnt", kind="MVNO", account=VOICE, runDate="2026-04-01")
    assert await freebit.pair("master/cnclAcnt", kind="MVNO", account=VOICE) == "400-330"
    freebit.core.clock.advance(21 * 86400)
    assert (await freebit.detail(VOICE))["state"] == "active"
    freebit.core.clock.advance(86400)
    line = await freebit.detail(VOICE)
    assert (line["state"], line["endDate"]) == ("cancelled", "20260401")
    assert len(freebit.effects("line.cancelled", VOICE)) == 1


async def test_a_blank_card_is_registered_once(freebit):
    card = {"createType": "new", "kind": "MVNO", "planCode": "PASI_5G", "productNumber": "AX0000000000001"}
    assert await freebit.pair("master/addAcnt", account="07000009101", **card) == "100-200"
    assert await freebit.pair("master/addAcnt", account="07000009102", **card) == "400-354"
    freebit.core.clock.advance(2)
    line = await freebit.detail("07000009101")
    assert (line["state"], line["simType"], line["productNumber"]) == ("active", "physical", "AX0000000000001")
    assert len(freebit.effects("line.activated", "07000009101")) == 1


async def test_an_over_the_air_card_is_new_or_reissued(freebit):
    card = {"addKind": "N", "planCode": "PASI_5G", "productNumber": "AX0000000000002"}
    assert await freebit.pair("mvno/ota/addAcnt", account="07000009103", **card) == "100-200"
    freebit.core.clock.advance(2)
    reissue = {"addKind": "R", "account": "07000009103", "productNumber": "AX0000000000003"}
    assert await freebit.pair("mvno/ota/addAcnt", aladinOperated="10", **reissue) == "400-356"
    assert await freebit.pair("mvno/ota/addAcnt", **reissue) == "100-200"
    freebit.core.clock.advance(2)
    assert (await freebit.detail("07000009103"))["productNumber"] == "AX0000000000003"


async def test_a_semi_black_card_is_reserved_then_goes_live_at_once(freebit):
    mnp = {"method": "10", "reserveNumber": "1100007001"}
    holder = {
        "reserveNumber": "1100007001",
        "reserveExpireDate": "20260324",
        "lastnameKanji": "山田",
        "firstnameKanji": "花子",
        "lastnameZenKana": "ヤマダ",
        "firstnameZenKana": "ハナコ",
        "gender": "W",
        "birthday": "19900401",
    }
    ported = {"account": "09000007001"}
    card = {"productNumber": "AX0000000000004"}
    live = {**ported, "createType": "new", "planCode": "PASI_5G", "mnp": holder}
    assert await freebit.pair("mvno/semiblack/addAcnt", **live) == "400-310"
    assert await freebit.pair("mvno/semiblack/addTempAcnt", **ported, **card, mnp=mnp) == "100-200"
    assert (await freebit.detail("09000007001"))["state"] == "temporary"
    assert await freebit.pair("mvno/semiblack/addTempAcnt", **ported, **card, mnp=mnp) == "400-354"
    assert await freebit.pair("mvno/semiblack/changeState", **ported, **card, state="60", mnp=mnp) == "100-200"
    assert await freebit.pair("mvno/semiblack/addTempAcnt", **ported, **card, mnp=mnp) == "100-200"
    assert await freebit.pair("mvno/semiblack/addAcnt", **live) == "100-200"
    line = await freebit.detail("09000007001")
    assert (line["state"], line["productNumber"], line["planCode"]) == ("active", "AX0000000000004", "PASI_5G")


async def test_the_lines_of_the_dataset_exist(freebit):
    line = await freebit.detail("07000005014")
    assert (line["state"], line["simType"], line["planCode"], len(line["eid"])) == ("active", "esim", "PASI_20G", 32)
    assert int(line["eid"]) % 97 == 1


async def test_the_page_shows_lines_and_requests(freebit):
    await freebit.new_esim()
    page = (await freebit.http.get("/")).text
    assert "07000006001" in page
    assert "esim_new" in page
    assert (await freebit.http.get("/_sim/lines", params={"account": VOICE})).json()["lines"][0]["account"] == VOICE
