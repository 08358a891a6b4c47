"""An eSIM code is shown to its owner once, after a fresh sign-in, and reaches no log and no trace (D11, §9)."""

import json
from datetime import timedelta

import pytest

from portal_chassis.actor import Actor
from portal_chassis.testing import SpanCollector
from portal_contracts.account_notes import FulfillmentNoted
from portal_contracts.problems import Refused
from portal_contracts.provisioning import RevealEsimCode
from portal_fulfillment.esim_codes import SHOWN_FOR
from portal_fulfillment.lpa import parse_activation_code
from portal_fulfillment.reveal_esim_code import ShowEsimCode
from portal_fulfillment.rounds import Rounds
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.testing_records import InMemoryEsimCodes

ORDER, FOREIGN = "801000000000001AAA", "801000000000002AAA"
ACCOUNT, STRANGER = "001000000000001AAA", "001000000000002AAA"
NUMBER = "07000000001"
CODE = "LPA:1$smdp.example.jp$04386-AGYFT-A74Y8-3F815"


class Counter:
    """The customer's side of a desk."""

    def __init__(self, desk):
        self.desk = desk
        self.codes = InMemoryEsimCodes(desk.lines, desk.attempts)
        self.show = ShowEsimCode(desk.database.transaction, self.codes, desk.clock)

    def has(self, code=CODE):
        line = Line(NUMBER, LineState.ACTIVE, "active", activation_code=code)
        self.desk.lines.kept[NUMBER] = (ORDER, line)
        self.desk.lines.owners[ORDER] = ACCOUNT

    def actor(self, account=ACCOUNT, user="user-1", minutes=0):
        at = self.desk.clock.now() - timedelta(minutes=minutes)
        return Actor(user, 42, account, ("customer",), "session-1", at, "ja")

    async def asks(self, request_id="request-1", order_id=ORDER, **who):
        return await self.show(RevealEsimCode(request_id=request_id, order_id=order_id), self.actor(**who))


@pytest.fixture
def counter(desk):
    found = Counter(desk)
    found.has()
    return found


async def test_the_owner_sees_the_code_in_parts_for_typing_and_whole_for_the_picture(counter):
    shown = await counter.asks()
    assert (shown.phone_number, shown.activation_code) == (NUMBER, CODE)
    assert (shown.server, shown.matching_id) == ("smdp.example.jp", "04386-AGYFT-A74Y8-3F815")
    assert shown.shown_until == counter.desk.clock.now() + timedelta(minutes=10)


async def test_it_is_written_down_who_saw_it_before_it_is_answered(counter):
    await counter.asks()
    assert counter.codes.shown == {ORDER: ("user-1", "request-1", counter.desk.clock.now())}


async def test_the_owner_can_read_that_it_was_shown_once_and_not_the_code(counter):  # R050
    for _ in range(2):
        await counter.asks()
    (noted,) = counter.desk.database.events
    assert noted == FulfillmentNoted(account_id=ACCOUNT, what="esim_code_shown", at=counter.desk.clock.now())


async def test_a_repeat_of_the_same_request_shows_it_again_for_ten_minutes_and_then_never(counter):
    first = await counter.asks()
    counter.desk.clock.advance(timedelta(minutes=9))
    again = await counter.asks()
    assert (again.activation_code, again.shown_until) == (first.activation_code, first.shown_until)
    counter.desk.clock.advance(timedelta(minutes=1))
    with pytest.raises(Refused, match="ESIM_CODE_ALREADY_SHOWN"):
        await counter.asks()


@pytest.mark.parametrize("other", [{"request_id": "request-2"}, {"user": "user-2"}])
async def test_it_is_shown_once(counter, other):
    await counter.asks()
    with pytest.raises(Refused, match="ESIM_CODE_ALREADY_SHOWN"):
        await counter.asks(**other)


@pytest.mark.parametrize("who", [{"account": STRANGER}, {"order_id": FOREIGN}])
async def test_anybody_elses_order_is_not_found(counter, who):  # I11
    with pytest.raises(Refused, match="NOT_FOUND"):
        await counter.asks(**who)
    assert counter.codes.shown == {}


async def test_an_account_id_of_fifteen_characters_is_the_same_account(counter):
    assert (await counter.asks(account=ACCOUNT[:15])).activation_code == CODE


async def test_an_old_sign_in_has_to_be_renewed_first(counter):
    with pytest.raises(Refused, match="STEP_UP_REQUIRED"):
        await counter.asks(minutes=16)
    assert counter.codes.shown == {}
    assert (await counter.asks(minutes=15)).activation_code == CODE


async def test_an_own_order_without_an_active_line_has_no_code_yet(desk, new_order):
    desk.billing.payment_method = False
    await desk.provision(new_order(), by=timedelta(minutes=1))
    with pytest.raises(Refused, match="ESIM_CODE_NOT_READY"):
        await Counter(desk).asks()
    with pytest.raises(Refused, match="NOT_FOUND"):
        await Counter(desk).asks(account=STRANGER)


@pytest.mark.parametrize("code", [None, "not a code", "2$smdp.example.jp$X"])
async def test_a_line_without_a_code_that_a_phone_reads_is_not_shown_and_not_used_up(desk, code):
    counter = Counter(desk)
    counter.has(code)
    with pytest.raises(Refused, match="ESIM_CODE_NOT_READY"):
        await counter.asks()
    assert counter.codes.shown == {}


async def test_a_provisioned_line_is_its_customers(desk):
    await desk.provision()
    assert desk.lines.owners == {ORDER: ACCOUNT}
    assert (await Counter(desk).asks()).server == "smdp.example.jp"


async def test_a_code_is_erased_ten_minutes_after_it_was_shown(counter):
    rounds = Rounds(counter.desk.records, counter.codes, counter.desk.clock, counter.desk.clock)
    await rounds.round()
    await counter.asks()
    counter.desk.clock.advance(SHOWN_FOR)
    await rounds.round()
    assert counter.desk.lines.kept[NUMBER][1].activation_code is not None
    counter.desk.clock.advance(1)
    await rounds.round()
    assert counter.desk.lines.kept[NUMBER][1].activation_code is None
    with pytest.raises(Refused, match="ESIM_CODE_ALREADY_SHOWN"):
        await counter.asks(request_id="request-2")


async def test_nothing_of_it_reaches_a_log_a_trace_an_event_or_a_repr(counter, capsys):  # I12
    collector = SpanCollector()
    with collector.recording():
        shown = await counter.asks()
        with pytest.raises(Refused):
            await counter.asks(request_id="request-2")
    spans = json.dumps([[span.name, dict(span.attributes)] for span in collector.spans])
    written = "".join(capsys.readouterr()) + spans + repr(shown) + repr(counter.desk.events)
    written += repr(parse_activation_code(CODE)) + repr(counter.desk.lines.kept)
    for secret in (CODE, "04386-AGYFT", "smdp.example.jp"):
        assert secret not in written
    assert NUMBER not in repr(shown)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1$smdp.example.jp$ABC", ("smdp.example.jp", "ABC", False)),
        ("lpa:1$smdp.example.jp$ABC", ("smdp.example.jp", "ABC", False)),
        ("LPA:1$smdp.example.jp$", ("smdp.example.jp", "", False)),
        ("LPA:1$smdp.example.jp$ABC$$1", ("smdp.example.jp", "ABC", True)),
        ("LPA:1$smdp.example.jp$ABC$1.3.6.1.4.1", ("smdp.example.jp", "ABC", False)),
        (" LPA:1$smdp.example.jp$ABC ", ("smdp.example.jp", "ABC", False)),
    ],
)
def test_an_activation_code_is_read_as_phones_read_it(text, parts):  # freebit.md §7
    code = parse_activation_code(text)
    assert (code.server, code.matching_id, code.needs_confirmation) == parts
    assert code.text.startswith("LPA:1$")


@pytest.mark.parametrize("text", ["", "LPA:", "LPA:1$$ABC", "LPA:2$smdp.example.jp$ABC", "1$smdp.example.jp", "ABC"])
def test_anything_else_is_no_activation_code(text):
    assert parse_activation_code(text) is None
