"""Envelope, encodings, keys: reference/freebit.md section 1."""

import json

import pytest

DETAIL = {"version": "2", "requestDatas": [{"kind": "MVNO", "account": "07000006001"}]}


@pytest.mark.parametrize("path", ["/emptool/api/mvno/getDetail/", "/emptool/api/mvno/getDetail"])
async def test_the_same_json_arrives_urlencoded_multipart_and_raw_with_and_without_the_last_slash(freebit, path):
    text = json.dumps({"authKey": await freebit.log_in(), **DETAIL})
    urlencoded = await freebit.http.post(path, data={"json": text})
    multipart = await freebit.http.post(path, files={"json": (None, text)})
    raw = await freebit.http.post(path, content=text, headers={"content-type": "application/json"})
    assert urlencoded.json()["responseDatas"][0]["account"] == "07000006001"
    assert urlencoded.json() == multipart.json() == raw.json()


async def test_success_says_100_and_200(freebit):
    reply = await freebit.call("mvno/getDetail", **DETAIL)
    assert reply["resultCode"] == "100"
    assert reply["status"] == {"message": "OK", "statusCode": "200"}


async def test_a_body_without_json_is_refused_with_301_and_no_object_with_302(freebit):
    empty = await freebit.http.post("/emptool/api/authOem/", data={"something": "else"})
    assert (empty.status_code, empty.json()["resultCode"], empty.json()["status"]["statusCode"]) == (200, "400", "301")
    for text in ("[1]", "{", '"x"'):
        reply = (await freebit.http.post("/emptool/api/authOem/", data={"json": text})).json()
        assert reply["status"]["statusCode"] == "302"


async def test_an_unknown_field_and_a_number_instead_of_text_are_refused(freebit):
    assert await freebit.pair("mvno/getTrafficInfo", account="07000006001", acount="x") == "400-302"
    assert await freebit.pair("master/addSpec", kind="MVNO", account="07000006001", quota=100) == "400-340"


async def test_an_unknown_path_is_no_envelope(freebit):
    assert (await freebit.post("mvno/nothing")).status_code == 404
    assert (await freebit.http.get("/emptool/api/authOem/")).status_code == 405


async def test_wrong_credentials_are_forbidden_and_a_wrong_key_is_401(freebit):
    reply = (await freebit.post("authOem", oemId="SANDBOX", oemKey="wrong")).json()
    assert (reply["resultCode"], reply["status"]["statusCode"]) == ("403", "403")
    freebit.key = "0" * 64
    assert await freebit.pair("mvno/getDetail", **DETAIL) == "401-401"


async def test_a_key_ends_after_thirty_minutes_on_the_sandbox_clock(freebit):
    freebit.switch(authKeySeconds=1800)
    await freebit.log_in()
    freebit.core.clock.advance(1799)
    assert await freebit.pair("mvno/getDetail", **DETAIL) == "100-200"
    freebit.core.clock.advance(1)
    assert await freebit.pair("mvno/getDetail", **DETAIL) == "401-401"


async def test_keys_can_be_ended_at_once_and_a_new_one_works(freebit):
    await freebit.log_in()
    assert (await freebit.http.post("/_sim/keys/revoke")).json() == {"revoked": 1}
    assert await freebit.pair("mvno/getDetail", **DETAIL) == "401-401"
    await freebit.log_in()
    assert await freebit.pair("mvno/getDetail", **DETAIL) == "100-200"


async def test_the_result_code_can_be_a_number_and_errors_can_have_a_status(freebit):
    freebit.switch(resultCodeType="number", errorHttpStatus="as_code")
    assert (await freebit.call("mvno/getDetail", **DETAIL))["resultCode"] == 100
    reply = await freebit.post("mvno/getTrafficInfo", authKey=freebit.key, account="07099999999")
    assert (reply.status_code, reply.json()["resultCode"]) == (400, 400)


async def test_a_fault_is_armed_by_the_path_without_slashes(freebit):
    freebit.core.faults.arm(
        {"vendor": "freebit", "call": "mvno/getDetail", "kind": "status", "params": {"status": 503}}
    )
    await freebit.log_in()
    assert (await freebit.post("mvno/getDetail", authKey=freebit.key, **DETAIL)).status_code == 503
    assert await freebit.pair("mvno/getDetail", **DETAIL) == "100-200"
