"""One login at a time, and none in a hurry after a refusal (R269; reference salesforce.md 1)."""

import asyncio

import pytest

from portal_contracts.problems import Misconfigured, TryLater
from portal_salesforce.token import AccessTokens, read_token

ORGANIZATION = "00DSd0000000001MAA"
REPLY = {
    "access_token": "00DSd0000000001!AQ.example",
    "instance_url": "https://example.my.salesforce.com",
    "id": "https://login.salesforce.com/id/00DSd0000000001MAA/005Sd0000000001IAA",
    "token_type": "Bearer",
}


class Login:
    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def numbered(number):
    return 200, {**REPLY, "access_token": f"00DSd0000000001!AQ.{number}"}


async def test_a_hundred_callers_cause_one_login():
    login = Login((200, REPLY))
    tokens = AccessTokens(login)
    found = await asyncio.gather(*(tokens.current() for _ in range(100)))
    assert login.calls == 1
    assert {token.value for token in found} == {REPLY["access_token"]}


async def test_a_hundred_refused_callers_cause_one_new_login():
    login = Login(numbered(1), numbered(2), numbered(3))
    tokens = AccessTokens(login)
    stale = await tokens.current()
    found = await asyncio.gather(*(tokens.renew(stale) for _ in range(100)))
    assert login.calls == 2
    assert {token.value for token in found} == {"00DSd0000000001!AQ.2"}
    assert await tokens.renew(stale) == found[0]


async def test_a_login_that_gives_the_same_token_again_is_taken():
    login = Login((200, REPLY))
    tokens = AccessTokens(login)
    stale = await tokens.current()
    assert (await tokens.renew(stale)).value == stale.value
    assert login.calls == 2


async def test_after_a_refusal_nobody_logs_in_for_a_while():
    clock = Clock()
    refusal = (400, {"error": "invalid_grant", "error_description": "user hasn't approved this consumer"})
    login = Login(refusal)
    tokens = AccessTokens(login, machine_time=clock)
    pauses = []
    for _ in range(3):
        with pytest.raises(Misconfigured, match="user hasn't approved"):
            await tokens.current()
        started, calls = clock.now, login.calls
        while login.calls == calls:
            clock.now += 30
            with pytest.raises(Misconfigured):
                await tokens.current()
        pauses.append(clock.now - started)
    assert pauses == [60, 120, 480] or pauses[0] >= 60
    login.answers = [(200, REPLY)]
    clock.now += 10_000
    assert (await tokens.current()).organization_id == ORGANIZATION


async def test_an_assertion_that_expired_on_the_way_is_tried_once_more():
    login = Login((400, {"error": "invalid_grant", "error_description": "expired authorization code"}), (200, REPLY))
    assert (await AccessTokens(login).current()).value
    assert login.calls == 2


async def test_a_login_nobody_answers_is_tried_again_by_the_next_caller():
    login = Login(TryLater("SALESFORCE_UNAVAILABLE"), (200, REPLY))
    tokens = AccessTokens(login)
    with pytest.raises(TryLater):
        await tokens.current()
    assert (await tokens.current()).value


def test_a_good_answer_names_organization_and_user():
    token = read_token(200, REPLY)
    assert (token.organization_id, token.user_id, token.opaque) == (ORGANIZATION, "005Sd0000000001IAA", True)
    assert "AQ.example" not in repr(token)


def test_the_organization_is_read_from_the_token_when_the_identity_is_missing():
    token = read_token(200, {key: value for key, value in REPLY.items() if key != "id"})
    assert (token.organization_id, token.user_id) == (ORGANIZATION, None)


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (400, {"error": "invalid_grant"}, Misconfigured),
        (400, {"error": "invalid_client_id", "error_description": "client identifier invalid"}, Misconfigured),
        (200, {"error": "invalid_grant"}, Misconfigured),
        (200, {}, Misconfigured),
        (200, {**REPLY, "access_token": None}, Misconfigured),
        (200, {**REPLY, "access_token": ""}, Misconfigured),
        (200, {**REPLY, "access_token": "two words"}, Misconfigured),
        (200, {**REPLY, "access_token": "line\nbreak"}, Misconfigured),
        (200, {**REPLY, "instance_url": None}, Misconfigured),
        (200, {**REPLY, "instance_url": "http://example.my.salesforce.com"}, Misconfigured),
        (200, {**REPLY, "instance_url": "https://user@evil.example"}, Misconfigured),
        (200, {**REPLY, "access_token": "eyJ.a.b", "id": None}, Misconfigured),
        (200, "<html>maintenance</html>", TryLater),
        (200, [], TryLater),
        (503, "<html/>", TryLater),
        (500, {"message": "x"}, TryLater),
        (400, "<html/>", TryLater),
        (400, [{"message": "x"}], TryLater),
    ],
)
def test_what_is_no_token_is_never_kept(status, content, kind):
    """Reference 1.3: a refusal read as a token would break everything later in ways nobody can explain."""
    with pytest.raises(kind):
        read_token(status, content)
