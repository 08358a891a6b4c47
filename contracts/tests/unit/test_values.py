import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from portal_contracts.values import (
    Address,
    CustomerNumber,
    EmailAddress,
    PersonName,
    PhoneNumber,
    SalesforceId,
    address_fingerprint,
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
