"""Number portability at the donor's side: reservation, identity, one-stop, and what the OEM may not touch (D09)."""

import pytest

EID = "89049032000000000000000000000357"
SATO = {
    "lastnameKanji": "佐藤",
    "firstnameKanji": "美咲",
    "lastnameZenKana": "サトウ",
    "firstnameZenKana": "ミサキ",
    "gender": "W",
    "birthday": "20000229",
}
TAKAHASHI = {
    "lastnameKanji": "高橋",
    "firstnameKanji": "翔太",
    "lastnameZenKana": "タカハシ",
    "firstnameZenKana": "ショウタ",
    "gender": "M",
    "birthday": "19950715",
}
VALID_UNTIL = "20260324"


def esim(account, **mnp) -> dict:
    return {"addKind": "M", "account": account, "mnp": mnp}


async def test_the_one_stop_method_needs_no_reservation_number(freebit):
    await freebit.new_esim(**esim("09000007005", oneStop="10", **SATO))
    freebit.core.clock.advance(2)
    assert (await freebit.detail("09000007005"))["state"] == "active"
    (activated,) = freebit.effects("esim.activated", EID)
    assert activated.detail["type"] == "esim_mnp"


async def test_the_one_stop_donor_also_takes_a_reservation(freebit):
    with_number = {"reserveNumber": "1300007005", "reserveExpireDate": VALID_UNTIL, **SATO}
    reply = await freebit.new_esim(**esim("09000007005", **with_number))
    assert reply["resultCode"] == "100"


async def test_one_stop_is_refused_for_other_donors_wrong_names_and_by_switch(freebit):
    async def pair(account="09000007005", **changes):
        reply = await freebit.new_esim(**esim(account, oneStop="10", **{**SATO, **changes}))
        return reply["status"]["statusCode"]

    assert await pair("09000007001") == "352"
    assert await pair(birthday="20000228") == "353"
    freebit.switch(oneStopPortIn=False)
    assert await pair() == "301"
    assert freebit.effects("esim.requested") == []


@pytest.mark.parametrize(("name", "pair"), [("高橋", "353"), ("髙橋", "200")])
async def test_a_name_must_be_written_as_the_old_operator_wrote_it(freebit, name, pair):
    holder = {**TAKAHASHI, "lastnameKanji": name}
    reservation = {"reserveNumber": "1100007004", "reserveExpireDate": VALID_UNTIL}
    reply = await freebit.new_esim(**esim("09000007004", **reservation, **holder))
    assert reply["status"]["statusCode"] == pair


async def test_an_over_the_air_card_can_bring_its_number_along(freebit):
    card = {"addKind": "M", "account": "09000007005", "productNumber": "AX0000000000001", "planCode": "PASI_10G"}
    assert await freebit.pair("mvno/ota/addAcnt", **card, mnp={"oneStop": "10", **SATO}) == "100-200"
    freebit.core.clock.advance(2)
    assert (await freebit.detail("09000007005"))["simType"] == "physical"
    (activated,) = freebit.effects("line.activated", "09000007005")
    assert activated.detail["type"] == "ota"


async def test_a_line_the_oem_may_not_touch_answers_403(freebit):
    freebit.switch(forbiddenFor="07000006001")
    asked = {"version": "2", "requestDatas": [{"kind": "MVNO", "account": "07000006001"}]}
    assert await freebit.pair("mvno/getDetail", **asked) == "403-403"
    quota = {"kind": "MVNO", "account": "07000006001", "quota": "100", "quotaCode": "topup-1"}
    assert await freebit.pair("master/addSpec", **quota) == "403-403"
    assert freebit.effects("quota.added") == []
    assert await freebit.pair("master/addSpec", **{**quota, "account": "02000000006002"}) == "100-200"
