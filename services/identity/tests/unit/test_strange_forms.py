"""What people and programs type into the sign-up form (D16): taken in its normal form, or refused naming the field."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from portal_contracts.identity import LogIn, SignupForm
from portal_contracts.values import comparable_email, comparable_name
from portal_identity.password_policy import normal_password, too_weak
from portal_identity.signup_form import DEFAULTS, FormPolicy
from portal_identity.testing import form

PLAIN = form().model_dump(mode="json")


def typed(**changes: Any) -> SignupForm:
    return SignupForm.model_validate({**PLAIN, **changes})


def faulty(**changes: Any) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        typed(**changes)
    return {str(fault["loc"][0]) for fault in caught.value.errors()}


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: x@example.jp", "a\nb", "a\tb", "a\u2028b", "a\x00b", "a\x1b[31mb", "a\u202eb"]
)
def test_line_breaks_and_control_characters_are_refused(bad) -> None:
    assert faulty(name={"familyName": bad, "givenName": "花子"}) == {"name"}
    assert faulty(company=bad) == {"company"}
    assert faulty(address={**PLAIN["address"], "street": bad}) == {"address"}


@pytest.mark.parametrize(
    "bad", ["hanako@example.jp\r\nBcc: x@example.jp", "hanako@", "ha nako@example.jp", "花子@example.jp", "a@b.jp" * 60]
)
def test_what_is_no_mailbox_is_refused(bad) -> None:
    assert "email" in faulty(email=bad, confirmEmail=bad)


def test_over_long_texts_are_refused() -> None:
    assert faulty(name={"familyName": "山" * 81, "givenName": "花子"}) == {"name"}
    assert faulty(password="p" * 257, confirmPassword="p" * 257) >= {"password"}
    assert faulty(customerNumber="S" * 41) == {"customerNumber"}
    assert faulty(cartId="c" * 65) == {"cartId"}


def test_what_is_no_text_at_all_is_refused() -> None:
    with pytest.raises(ValidationError):
        SignupForm.model_validate_json(json.dumps({**PLAIN, "company": "x"}).replace('"x"', '"\\ud83d"'))
    assert faulty(company=["x"]) == {"company"}
    assert faulty(customerNumber="SNX' OR Name LIKE '%") == {"customerNumber"}


def test_full_width_and_half_width_mean_the_same() -> None:
    wide = typed(
        customerNumber="ＳＮＸ－１０００１", email="ＨＡＮＡＫＯ＠example.jp", confirmEmail="hanako@example.jp"
    )
    assert wide.customer_number == "SNX-10001"
    assert comparable_email(wide.email) == "hanako@example.jp"
    kana = typed(name={"familyName": "ﾔﾏﾀﾞ", "givenName": "はなこ"}).name
    assert comparable_name(kana) == comparable_name(typed(name={"familyName": "ヤマダ", "givenName": "ハナコ"}).name)
    assert kana.family_name == "ﾔﾏﾀﾞ", "it is shown as it was entered"
    assert normal_password("ｐａｓｓphrase") == "passphrase"


def test_emoji_and_rare_letters_are_names_too() -> None:
    name = typed(name={"familyName": "𠮷田", "givenName": "花👩‍👩‍👧"}).name
    assert (name.family_name, name.given_name) == ("𠮷田", "花👩‍👩‍👧")


@pytest.mark.parametrize("password", ["😀" * 15, "ａ" * 20, "　" * 20, "あ" * 15])
def test_a_password_of_one_sign_is_weak_however_it_is_encoded(password) -> None:
    assert too_weak(password, 15, ())


def test_a_long_japanese_sentence_is_a_password() -> None:
    assert not too_weak("夜明けの海辺で三毛猫と古い地図を読む", 15, ("hanako@example.jp",))


def test_a_code_may_be_typed_in_full_width_digits() -> None:
    attempt = {"requestId": "request-0001", "email": "a@example.jp", "password": "x", "clientAddress": "192.0.2.1"}
    assert LogIn.model_validate({**attempt, "code": "１２３　４５６"}).code == "123 456"
    with pytest.raises(ValidationError):
        LogIn.model_validate({**attempt, "code": "12345६"})


def test_a_hidden_field_is_dropped_and_nothing_else() -> None:  # C10
    full = typed(gender="female", phone="０３－１２３４－５６７８")
    kept = FormPolicy("open", {**DEFAULTS, "gender": "hidden"}).accepted(full)
    assert (kept.gender, kept.phone, kept.email) == (None, "03-1234-5678", full.email)
