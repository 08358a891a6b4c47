"""What is said of a field that has a wrong form, in English and Japanese: always how to write it instead.

Checks are found by pydantic's name of the fault, by the pattern that did not fit, or by the text of our own check.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from portal_contracts.values import (
    CUSTOMER_NUMBER_PATTERN,
    EMAIL_PATTERN,
    NO_CONTROL_CHARACTERS,
    NO_LINE_BREAKS,
    PHONE_PATTERN,
    POSTCODE_PATTERN,
)


class Hint(NamedTuple):
    """The same in both languages; `{name}` is what the fault knows besides, such as the values there are."""

    en: str
    ja: str


ELSEWHERE: Final = Hint("it holds something that does not belong there", "使用できない文字または形式が含まれています。")
NOT_JSON: Final = Hint("this is not JSON", "JSON形式で送信してください。")
_BY_PATTERN: Final[Mapping[str, Hint]] = {
    PHONE_PATTERN: Hint(
        "digits and hyphens are expected, such as 03-1234-5678",
        "数字とハイフンで入力してください（例：03-1234-5678）。",
    ),
    POSTCODE_PATTERN: Hint(
        "seven digits are expected, such as 150-0001", "7桁の数字で入力してください（例：150-0001）。"
    ),
    EMAIL_PATTERN: Hint(
        "an address is expected, such as hanako@example.jp", "半角で入力してください（例：hanako@example.jp）。"
    ),
    CUSTOMER_NUMBER_PATTERN: Hint(
        "letters, digits and hyphens are expected, such as SNX-10001",
        "半角の英数字で入力してください（例：SNX-10001）。",
    ),
}
_A_DATE: Final = Hint("a date is expected, such as 2026-04-01", "日付は 2026-04-01 の形式で入力してください。")
_A_TIME: Final = Hint(
    "a date with a time is expected, such as 2026-04-01T09:00:00+09:00",
    "日時は 2026-04-01T09:00:00+09:00 の形式で入力してください。",
)
_A_NUMBER: Final = Hint("a whole number is expected", "整数で入力してください。")
_A_TEXT: Final = Hint("a text is expected", "文字列で入力してください。")
_YES_OR_NO: Final = Hint("true or false is expected", "true または false を指定してください。")
_AN_OBJECT: Final = Hint("an object is expected", "オブジェクトの形式で指定してください。")
_A_LIST: Final = Hint("a list is expected", "リストの形式で指定してください。")
_BY_KIND: Final[Mapping[str, Hint]] = {
    "string_pattern_mismatch": ELSEWHERE,
    "json_invalid": NOT_JSON,
    "literal_error": Hint("choose {expected}", "次のいずれかを指定してください：{expected}"),
    "enum": Hint("choose {expected}", "次のいずれかを指定してください：{expected}"),
    "greater_than_equal": Hint("at least {ge} is expected", "{ge}以上の値を入力してください。"),
    "less_than_equal": Hint("at most {le} is expected", "{le}以下の値を入力してください。"),
    "greater_than": Hint("more than {gt} is expected", "{gt}より大きい値を入力してください。"),
    "less_than": Hint("less than {lt} is expected", "{lt}より小さい値を入力してください。"),
    "date_parsing": _A_DATE,
    "date_type": _A_DATE,
    "date_from_datetime_parsing": _A_DATE,
    "date_from_datetime_inexact": _A_DATE,
    "datetime_parsing": _A_TIME,
    "datetime_type": _A_TIME,
    "datetime_from_date_parsing": _A_TIME,
    "timezone_aware": _A_TIME,
    "int_parsing": _A_NUMBER,
    "int_type": _A_NUMBER,
    "int_from_float": _A_NUMBER,
    "int_parsing_size": _A_NUMBER,
    "bool_parsing": _YES_OR_NO,
    "bool_type": _YES_OR_NO,
    "string_type": _A_TEXT,
    "dict_type": _AN_OBJECT,
    "model_type": _AN_OBJECT,
    "model_attributes_type": _AN_OBJECT,
    "mapping_type": _AN_OBJECT,
    "list_type": _A_LIST,
    "sequence_type": _A_LIST,
    "tuple_type": _A_LIST,
    "too_short": Hint("at least {min_length} must be given", "{min_length}件以上を指定してください。"),
    "too_long": Hint("at most {max_length} may be given", "指定できるのは{max_length}件までです。"),
}
_IN_JAPANESE: Final[Mapping[str, str]] = {
    NO_CONTROL_CHARACTERS: "制御文字など、表示されない文字は使用できません。",
    NO_LINE_BREAKS: "改行やタブは使用できません。",
}


def hint_of(kind: str, message: str, context: Mapping[str, Any]) -> Hint:
    """Say how the field is written instead; where nothing better is known, what pydantic or our own check says."""
    by_pattern = _BY_PATTERN.get(str(context.get("pattern", "")))
    known = by_pattern or _BY_KIND.get(kind)
    if known is not None:
        return Hint(known.en.format_map(context), known.ja.format_map(context))
    text = message.removeprefix("Value error, ")
    return Hint(text, _IN_JAPANESE.get(text, ELSEWHERE.ja))
