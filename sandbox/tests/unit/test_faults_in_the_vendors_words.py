"""Each fault kind of the matrix, once for each vendor it can hit (reliability.md (b) 2, F1-F14)."""

import asyncio

import pytest

from portal_sandbox.core.fault_middleware import ConnectionDroppedError
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID
from portal_sandbox.salesforce.seed import account_id

ORDER = {"clientid": 5011, "paymentmethod": "stripe", "pid[0]": 202, "billingcycle[0]": "monthly", "noemail": 1}
DRAFT = {"Status": "Draft", "EffectiveDate": "2026-11-21", "Pricebook2Id": PORTAL_PRICEBOOK_ID}


async def new_order(whole):
    return await whole.salesforce("POST", "sobjects/Order", {"AccountId": account_id("SNX-10001"), **DRAFT})


@pytest.mark.parametrize(
    ("meaning", "status", "text"),
    [("permanent", 200, "Invalid"), ("transient", 200, "Deadlock"), ("ambiguous", 200, "unknown error")],
)
@pytest.mark.parametrize("effect", [False, True])
async def test_whmcs_says_no_with_http_200_before_or_after_the_effect(whole, meaning, status, text, effect):
    """F11."""
    whole.arm("whmcs", "AddOrder", "error", params={"meaning": meaning, "effect": effect})
    reply = await whole.whmcs("AddOrder", **ORDER)
    assert (reply.status_code, reply.json()["result"]) == (status, "error")
    assert text in reply.json()["message"]
    assert len(whole.entries("whmcs.order.created")) == int(effect)


async def test_salesforce_speaks_its_own_errors(whole):
    """F11, F9, F13."""
    for kind, params, status, code in (
        ("error", {"meaning": "transient"}, 400, "UNABLE_TO_LOCK_ROW"),
        ("error", {"meaning": "permanent", "message": "No."}, 400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        ("error", {"meaning": "ambiguous"}, 500, "UNKNOWN_EXCEPTION"),
        ("quota", {}, 403, "REQUEST_LIMIT_EXCEEDED"),
        ("auth", {}, 401, "INVALID_SESSION_ID"),
    ):
        whole.arm("salesforce", "POST Order", kind, params=params)
        reply = await new_order(whole)
        assert (reply.status_code, reply.json()[0]["errorCode"]) == (status, code)
    assert (await new_order(whole)).status_code == 201
    assert len(whole.entries("salesforce.order.created")) == 1


async def test_the_token_endpoint_answers_with_an_object(whole):
    whole.arm("salesforce", "token", "auth")
    async with whole.client("salesforce") as http:
        reply = await http.post("/services/oauth2/token", data={})
    assert reply.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("kind", "params", "pair"),
    [
        ("error", {"meaning": "permanent"}, "400-302"),
        ("error", {"meaning": "transient"}, "503-503"),
        ("error", {"meaning": "ambiguous"}, "500-500"),
        ("auth", {}, "401-401"),
    ],
)
async def test_freebit_answers_with_its_envelope(whole, kind, params, pair):
    """F11, F13: the key was good before and is good after."""
    key = await whole.freebit_key()
    whole.arm("freebit", "mvno/getDetail", kind, params=params)
    asked = {"version": "2", "requestDatas": [{"kind": "MVNO", "account": "07000006001"}]}
    reply = (await whole.freebit("mvno/getDetail", authKey=key, **asked)).json()
    assert f"{reply['resultCode']}-{reply['status']['statusCode']}" == pair
    assert (await whole.freebit("mvno/getDetail", authKey=key, **asked)).json()["resultCode"] == "100"


async def test_too_many_requests_say_when_to_come_again_only_when_told(whole):
    """F9."""
    whole.arm("whmcs", "AddOrder", "quota", params={"retryAfter": 30})
    whole.arm("whmcs", "AddOrder", "quota")
    first, second = await whole.whmcs("AddOrder", **ORDER), await whole.whmcs("AddOrder", **ORDER)
    assert (first.status_code, first.headers["retry-after"]) == (429, "30")
    assert (second.status_code, "retry-after" in second.headers) == (429, False)
    assert whole.entries("whmcs.order.created") == []


async def test_a_gateway_error_comes_before_or_after_the_effect(whole):
    """F7, F8."""
    for effect in (False, True):
        whole.arm("whmcs", "AddOrder", "status", params={"status": 504, "effect": effect})
        assert (await whole.whmcs("AddOrder", **ORDER)).status_code == 504
        assert len(whole.entries("whmcs.order.created")) == int(effect)


@pytest.mark.parametrize("shape", ["missing", "ill_typed"])
async def test_a_success_without_a_usable_id_had_its_effect(whole, shape):
    """F14."""
    for vendor, call in (("whmcs", "AddOrder"), ("salesforce", "POST Order"), ("freebit", "authOem")):
        whole.arm(vendor, call, "nonsense", params={"shape": shape})
    order = (await whole.whmcs("AddOrder", **ORDER)).json()
    assert order["result"] == "success"
    assert not isinstance(order.get("orderid"), int)
    record = await new_order(whole)
    assert (record.status_code, record.json()["success"]) == (201, True)
    assert not isinstance(record.json().get("id"), str)
    key = (await whole.freebit("authOem", oemId="SANDBOX", oemKey="sandbox-oem-key")).json()
    assert key["resultCode"] == "100"
    assert not isinstance(key.get("authKey"), str)
    assert len(whole.entries("whmcs.order.created")) == len(whole.entries("salesforce.order.created")) == 1


async def test_a_stale_read_shows_whmcs_before_the_last_write(whole):
    """F14."""
    whole.arm("whmcs", "*", "stale", times=2)
    await whole.whmcs("AddOrder", **ORDER)
    await whole.whmcs("AddOrder", **ORDER)
    counts = [
        int((await whole.whmcs("GetOrders", userid=5011, status="Pending")).json()["totalresults"]) for _ in range(3)
    ]
    assert counts == [counts[2] - 1, counts[2] - 1, counts[2]]
    assert len(whole.entries("whmcs.order.created")) == 2


async def test_a_stale_read_still_knows_the_session(whole):
    """The token and the key of the moment count, though they are younger than the data."""
    whole.arm("salesforce", "query", "stale")
    order = (await new_order(whole)).json()["id"]
    await whole.salesforce("PATCH", f"sobjects/Order/{order}", {"Description": "new"})
    asked = {"q": f"SELECT Description FROM Order WHERE Id = '{order}'"}
    texts = [(await whole.salesforce("GET", "query", **asked)).json()["records"][0]["Description"] for _ in range(2)]
    assert texts == [None, "new"]

    whole.arm("freebit", "mvno/getDetail", "stale")
    eid = "89049032000000000000000000000357"
    new = {"addKind": "N", "eid": eid, "simKind": "E0", "planCode": "PASI_20G"}
    assert (await whole.freebit("mvno/esim/addAcnt", authKey=await whole.freebit_key(), **new)).json()["account"]
    look = {"version": "2", "requestDatas": [{"kind": "MVNO", "eid": eid}]}
    pairs = []
    for _ in range(2):
        reply = (await whole.freebit("mvno/getDetail", authKey=await whole.freebit_key(), **look)).json()
        pairs.append(reply["status"]["statusCode"])
    assert pairs == ["310", "200"]


async def test_a_rule_can_end_with_a_period_of_business_time(whole):
    """F1-F14 once or for ten minutes."""
    whole.arm("whmcs", "*", "refused", untilBusinessSeconds=600)
    for _ in range(3):
        with pytest.raises(ConnectionDroppedError):
            await whole.whmcs("WhmcsDetails")
    whole.core.clock.advance(599)
    with pytest.raises(ConnectionDroppedError):
        await whole.whmcs("WhmcsDetails")
    whole.core.clock.advance(1)
    assert (await whole.whmcs("WhmcsDetails")).status_code == 200


async def test_a_late_effect_lands_within_its_range_of_business_time(whole):
    """F4: 10 to 600 business seconds, the same for one seed."""
    whole.arm("whmcs", "AddOrder", "late", seed=7, params={"businessSeconds": [10, 600]})
    with pytest.raises(ConnectionDroppedError):
        await whole.whmcs("AddOrder", **ORDER)
    await asyncio.sleep(0)
    whole.core.clock.advance(9)
    await asyncio.sleep(0.01)
    assert whole.entries("whmcs.order.created") == []
    whole.core.clock.advance(591)
    await whole.core.faults.settle()
    assert len(whole.entries("whmcs.order.created")) == 1


async def test_a_slow_vendor_works_on_when_the_caller_has_left(whole):
    """F3: the effect does not hang on the caller's patience."""
    whole.arm("whmcs", "AddOrder", "slow", params={"seconds": 0.05})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(whole.whmcs("AddOrder", **ORDER), 0.01)
    assert whole.entries("whmcs.order.created") == []
    await whole.core.faults.settle()
    assert len(whole.entries("whmcs.order.created")) == 1


@pytest.mark.parametrize(
    "rule", [{"params": {"meaning": "maybe"}}, {"params": {"seconds": [1]}}, {"untilBusinessSeconds": "soon"}]
)
async def test_what_cannot_be_meant_is_refused(whole, rule):
    with pytest.raises(ValueError):
        whole.arm("whmcs", "*", "error", **rule)
