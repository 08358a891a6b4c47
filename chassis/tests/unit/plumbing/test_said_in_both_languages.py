"""A field with a wrong form is told how to write it, in English and Japanese (R254)."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from portal_chassis.validation import refused_input
from portal_contracts.problems import customer_text
from portal_contracts.values import CustomerNumber, EmailAddress, Line, PhoneNumber

WRONG: tuple[tuple[Any, Any, str, str], ...] = (
    (PhoneNumber, "phone", "03-1234-5678", "03-1234-5678"),
    (EmailAddress, "hanako", "hanako@example.jp", "hanako@example.jp"),
    (CustomerNumber, "お客様", "SNX-10001", "SNX-10001"),
    (date, "soon", "2026-04-01", "2026-04-01"),
    (datetime, "soon", "2026-04-01T09:00:00+09:00", "2026-04-01T09:00:00+09:00"),
    (Literal["ja", "en"], "fr", "choose 'ja' or 'en'", "'ja' or 'en'"),
    (Annotated[int, Field(ge=1)], 0, "at least 1", "1以上"),
    (Annotated[int, Field(le=5)], 9, "at most 5", "5以下"),
    (int, "many", "whole number", "整数"),
    (Line, "two\nlines", "line breaks", "改行"),
    (Line, "a\x07bell", "control characters", "制御文字"),
)


@pytest.mark.parametrize(("kind", "value", "en", "ja"), WRONG, ids=[str(wrong[1]) for wrong in WRONG])
def test_a_wrong_form_is_told_with_the_right_one(kind: Any, value: Any, en: str, ja: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(dict[str, kind]).validate_python({"field": value})
    (fault,) = refused_input(caught.value).fields
    assert en in customer_text(fault.code, "en", fault.facts)
    assert ja in customer_text(fault.code, "ja", fault.facts)
