from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from portal_contracts.identity import SignupForm
from portal_contracts.porting import PersonText
from portal_contracts.provisioning_requests import Requester
from portal_contracts.support import CommentText
from portal_contracts.values import (
    Address,
    CustomerNumber,
    EmailAddress,
    Line,
    LongText,
    PersonName,
    PhoneNumber,
    SalesforceId,
    ShortText,
    address_fingerprint,
    as_one_line,
    comparable_name,
    comparable_postcode,
    comparable_text,
    long_salesforce_id,
)


@pytest.mark.parametrize(
    ("short", "checksum"), [("001Dp00000JJkkH", "IAT"), ("0014H00002LbR7Q", "QAV"), ("00D58000000arpq", "EAA")]
)
def test_a_short_salesforce_id_gets_its_checksum(short: str, checksum: str) -> None:
    assert long_salesforce_id(short) == short + checksum
    assert long_salesforce_id(short + checksum.lower()) == short + checksum


@pytest.mark.parametrize(
    "value", ["", "001", "001Dp00000JJkkHIAX", "001Dp00000JJkk/", "' OR Name != ''", "../Contact/003"]
)
def test_what_is_no_salesforce_id_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(SalesforceId).validate_python(value)


@given(st.text(alphabet="abcXYZ019", min_size=15, max_size=15))
def test_the_long_form_of_a_long_form_is_itself(short: str) -> None:
    assert long_salesforce_id(long_salesforce_id(short)) == long_salesforce_id(short)


@pytest.mark.parametrize("typed", ["snx-10001", " ＳＮＸ－10001 ", "SNX-１０００１"])
def test_a_customer_number_is_half_width_and_upper_case(typed: str) -> None:  # D16
    assert TypeAdapter(CustomerNumber).validate_python(typed) == "SNX-10001"


@pytest.mark.parametrize(
    ("one", "other"), [("ﾔﾏﾀﾞ", "ヤマダ"), ("やまだ", "ヤマダ"), ("Ｙａｍａｄａ", "yamada"), ("山田 花子", "山田　花子")]
)
def test_two_writings_of_one_name_compare_equal(one: str, other: str) -> None:  # D16
    assert comparable_text(one) == comparable_text(other)


def test_a_name_is_kept_as_entered() -> None:  # D16
    assert PersonName(family_name="ﾔﾏﾀﾞ", given_name="花子").family_name == "ﾔﾏﾀﾞ"
    assert comparable_name(PersonName(family_name="ﾔﾏﾀﾞ", given_name="花子")) == "ヤマダ花子"


@pytest.mark.parametrize("typed", ["1500001", "150-0001", "〒１５０－０００１", "150 0001"])
def test_a_postcode_has_one_form(typed: str) -> None:
    assert comparable_postcode(typed) == "150-0001"


@pytest.mark.parametrize(
    "value", ["a@b", "a b@example.jp", "a@example..jp", "a@-example.jp", "x" * 250 + "@e.jp", "a\n@example.jp"]
)
def test_what_is_no_mail_address_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(EmailAddress).validate_python(value)


@pytest.mark.parametrize("value", ["山\x00田", "山\u202e田", "\x1b[31m"])
def test_control_characters_are_refused(value: str) -> None:  # D16
    with pytest.raises(ValidationError):
        PersonName(family_name=value, given_name="花子")


ONE_LINE = {"ShortText": ShortText, "Line": Line, "Requester": Requester, "PersonText": PersonText}
MANY_LINES = {"LongText": LongText, "CommentText": CommentText}


@pytest.mark.parametrize("kind", ONE_LINE.values(), ids=ONE_LINE)
@pytest.mark.parametrize("bad", "\n\r\t\v\f\x85\u2028\u2029\x00\x1b\x7f\u202e", ids=ascii)
def test_one_line_takes_no_line_break_tab_or_control_character(kind: Any, bad: str) -> None:  # D16
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(f"山{bad}田")


@pytest.mark.parametrize("kind", [*ONE_LINE.values(), *MANY_LINES.values()], ids=[*ONE_LINE, *MANY_LINES])
def test_white_space_around_a_typed_text_is_dropped(kind: Any) -> None:
    assert TypeAdapter(kind).validate_python("\n 山田\u3000\r\n") == "山田"


@pytest.mark.parametrize("kind", MANY_LINES.values(), ids=MANY_LINES)
def test_words_for_people_keep_their_lines_and_have_no_control_characters(kind: Any) -> None:  # D16
    assert TypeAdapter(kind).validate_python("一行目\r\n\t二行目") == "一行目\r\n\t二行目"
    for bad in "\x00\x1b\x7f\u202e":
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(f"山{bad}田")


def test_a_text_kept_elsewhere_is_read_on_one_line() -> None:
    assert as_one_line("神宮前\r\n1-2\t3\u2028F") == "神宮前 1-2 3 F"


def test_full_width_digits_of_a_phone_number_become_half_width() -> None:  # D16
    assert TypeAdapter(PhoneNumber).validate_python("０３－１２３４－５６７８") == "03-1234-5678"


def test_an_address_needs_all_its_parts() -> None:  # R018
    with pytest.raises(ValidationError) as caught:
        Address.model_validate({"postcode": "1", "city": ""})
    assert {error["loc"][0] for error in caught.value.errors()} == {"postcode", "prefecture", "city", "street"}


def test_an_address_has_one_fingerprint_however_it_is_typed() -> None:  # D14, D16
    ours = address_fingerprint("150-0001", "東京都", "渋谷区", "神宮前1-2-3", "")
    assert ours == address_fingerprint("１５０ー０００１", "東京都", "渋谷区", "神宮前１－２－３")
    assert ours == address_fingerprint("1500001", "東京都", "渋谷区 神宮前1-2-3", "")
    assert ours != address_fingerprint("150-0001", "東京都", "渋谷区", "神宮前1-2-4")


LONGEST_FORM: dict[str, Any] = {
    "email": f"{'a' * 69}@example.jp",
    "confirmEmail": f"{'a' * 69}@example.jp",
    "password": "a-long-and-fake-passphrase",
    "confirmPassword": "a-long-and-fake-passphrase",
    "customerNumber": "SNX-10001",
    "name": {"familyName": "山" * 80, "givenName": "花" * 40},
    "address": {
        "postcode": "150-0001",
        "prefecture": "東京都",
        "city": "渋谷区",
        "street": "神" * 150,
        "building": "宮" * 100,
    },
}


def test_a_form_takes_the_longest_that_every_system_keeps() -> None:  # D16
    assert SignupForm.model_validate(LONGEST_FORM)


@pytest.mark.parametrize(
    ("field", "longer"),
    [
        ("email", {"email": f"{'a' * 70}@example.jp"}),
        ("name", {"name": {"familyName": "山", "givenName": "花" * 41}}),
        ("address", {"address": {**LONGEST_FORM["address"], "street": "神" * 151}}),
    ],
)
def test_a_form_takes_no_more_than_every_system_keeps(
    field: str, longer: dict[str, Any]
) -> None:  # D16: nothing half-way
    with pytest.raises(ValidationError) as caught:
        SignupForm.model_validate({**LONGEST_FORM, **longer})
    assert caught.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize("typed", ["\u009b31m", "山\ufffe", "\u200b", "\ufeff\u3164 ", "\ufdd0"])
def test_what_is_not_seen_is_no_text(typed: str) -> None:  # D16
    with pytest.raises(ValidationError):
        TypeAdapter(ShortText).validate_python(typed)


def test_what_is_not_seen_around_a_text_is_dropped_and_joined_emoji_stay() -> None:  # D16
    assert TypeAdapter(ShortText).validate_python("\ufeff 山田\u200b ") == "山田"
    assert TypeAdapter(ShortText).validate_python("👩\u200d👩\u200d👧") == "👩\u200d👩\u200d👧"


@pytest.mark.parametrize(
    "typed", ["０９０ー１２３４ー５６７８", "090\u20101234\u20105678", "090\u22121234\u22125678", " 090-1234-5678 "]
)
def test_a_phone_number_is_taken_with_any_hyphen(typed: str) -> None:  # D16
    assert TypeAdapter(PhoneNumber).validate_python(typed) == "090-1234-5678"


def test_a_phone_number_may_begin_with_a_bracket() -> None:
    assert TypeAdapter(PhoneNumber).validate_python("(03)1234-5678") == "(03)1234-5678"


@pytest.mark.parametrize("typed", ["150abc0001", "1500001 Tokyo", "15-00001x", "〒150"])
def test_a_postcode_is_seven_digits_and_nothing_else(typed: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Address(postcode=typed, prefecture="東京都", city="渋谷区", street="神宮前1-2-3")
    assert caught.value.errors()[0]["loc"] == ("postcode",)


@pytest.mark.parametrize("typed", ["１５０ー０００１", "〒150-0001", "150 0001"])
def test_a_postcode_is_taken_however_it_is_typed(typed: str) -> None:  # D16
    address = Address(postcode=typed, prefecture="東京都", city="渋谷区", street="神宮前1-2-3")
    assert address.postcode == "150-0001"
