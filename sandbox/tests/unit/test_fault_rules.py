import asyncio
import json

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from portal_sandbox.core import Clock, Faults, Store
from portal_sandbox.core.fault_middleware import ConnectionDroppedError


@pytest.fixture
def store():
    opened = Store(":memory:")
    yield opened
    opened.close()


@pytest.fixture
def clock(store):
    return Clock(store)


@pytest.fixture
def faults(clock):
    return Faults(clock)


@pytest.fixture
def effects():
    return []


@pytest.fixture
async def caller(faults, effects):
    async def act(request):
        effects.append((await request.body()).decode())
        return JSONResponse({"result": "success", "count": len(effects)})

    app = faults.middleware(
        Starlette(routes=[Route("/", act, methods=["POST"])]), "whmcs", lambda _s, body: body[:8].decode()
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as client:
        yield client


def arm(faults, kind, **rule):
    return faults.arm({"vendor": "whmcs", "call": "AddOrder", "kind": kind, **rule})


@pytest.mark.parametrize(("kind", "done"), [("refused", 0), ("before_effect", 0), ("after_effect", 1)])
async def test_a_cut_call_had_its_effect_or_not(kind, done, caller, faults, effects):
    arm(faults, kind, params={"seconds": 0})
    with pytest.raises(ConnectionDroppedError):
        await caller.post("/", content="AddOrder")
    assert len(effects) == done
    assert (await caller.post("/", content="AddOrder")).status_code == 200


async def test_a_late_effect_lands_after_the_caller_was_cut_off(caller, faults, effects):
    arm(faults, "late", params={"seconds": 0})
    with pytest.raises(ConnectionDroppedError):
        await caller.post("/", content="AddOrder")
    assert effects == []
    await faults.settle()
    assert effects == ["AddOrder"]


async def test_a_late_effect_can_wait_for_the_business_clock(caller, clock, faults, effects):
    arm(faults, "late", params={"businessSeconds": 600})
    with pytest.raises(ConnectionDroppedError):
        await caller.post("/", content="AddOrder")
    await asyncio.sleep(0)
    assert effects == []
    clock.advance(601)
    await faults.settle()
    assert effects == ["AddOrder"]


async def test_late_effects_are_dropped_by_a_reset(caller, faults, effects):
    arm(faults, "late", params={"seconds": 60})
    with pytest.raises(ConnectionDroppedError):
        await caller.post("/", content="AddOrder")
    await faults.cancel_late()
    await faults.settle()
    assert effects == []


async def test_a_slow_call_answers_in_the_end(caller, faults, effects):
    arm(faults, "slow", params={"seconds": 0.01})
    assert (await caller.post("/", content="AddOrder")).json()["count"] == 1


async def test_a_dripping_answer_is_complete_when_it_is_over(caller, faults):
    arm(faults, "drip", params={"interval": 0.0001})
    assert (await caller.post("/", content="AddOrder")).json() == {"result": "success", "count": 1}


async def test_a_malformed_answer_hides_a_done_effect(caller, faults, effects):
    arm(faults, "malformed")
    answer = await caller.post("/", content="AddOrder")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert len(effects) == 1


async def test_an_html_answer_means_nothing_was_done(caller, faults, effects):
    arm(faults, "html")
    answer = await caller.post("/", content="AddOrder")
    assert (answer.status_code, answer.text[:9], effects) == (200, "<!DOCTYPE", [])


async def test_an_empty_answer_hides_a_done_effect(caller, faults, effects):
    arm(faults, "empty")
    answer = await caller.post("/", content="AddOrder")
    assert (answer.status_code, answer.content, len(effects)) == (200, b"", 1)


@pytest.mark.parametrize(("effect", "done"), [(False, 0), (True, 1)])
async def test_a_status_can_come_before_or_after_the_effect(effect, done, caller, faults, effects):
    arm(faults, "status", params={"status": 503, "body": "busy", "headers": {"Retry-After": "7"}, "effect": effect})
    answer = await caller.post("/", content="AddOrder")
    assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (503, "busy", "7")
    assert len(effects) == done


async def test_a_rule_counts_down_skips_and_looks_into_the_body(caller, faults):
    rule = arm(faults, "html", times=1, skip=1, contains="Order")
    other = faults.arm({"vendor": "whmcs", "call": "*", "kind": "html", "contains": "elsewhere"})
    kinds = [(await caller.post("/", content="AddOrder")).headers["content-type"][:9] for _ in range(3)]
    assert kinds == ["applicati", "text/html", "applicati"]
    assert (rule.hits, rule.matches, other.hits) == (1, 3, 0)
    assert faults.calls == {"whmcs": {"AddOrder": 3}}


async def test_a_rate_breaks_the_same_calls_for_the_same_seed(faults):
    def pattern(seed):
        faults.disarm()
        faults.arm({"vendor": "v", "call": "*", "kind": "refused", "rate": 0.5, "seed": seed})
        return [faults.take("v", "c") is not None for _ in range(64)]

    assert pattern(1) == pattern(1) != pattern(2)
    assert 10 < sum(pattern(3)) < 54


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "explode"}, {"kind": "html", "rate": 2}, {"kind": "html", "tmies": 1}, {"kind": "html", "times": "1"}],
)
def test_a_wrong_rule_is_refused(wrong, faults):
    with pytest.raises(ValueError, match=r"kind|rate|unknown|times"):
        faults.arm(wrong)
