"""Why staff did not accept an order, in curated words (C36). Their own note stays in Salesforce. No I/O.

Staff write `Rejected: CODE their own words`; the code chooses the text, anything else gets the general one.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from portal_contracts.catalog import LocalizedText

RejectionCode = Literal["ADDRESS", "IDENTITY", "DUPLICATE", "UNAVAILABLE", "PAYMENT", "REQUEST"]
_FIRST_WORD: Final = re.compile(r"\W*(\w+)")
_NO_CHARGE_EN: Final = "Nothing was charged."
_NO_CHARGE_JA: Final = "料金は発生しておりません。"


def _both(en: str, ja: str) -> LocalizedText:
    return LocalizedText(en=f"{en} {_NO_CHARGE_EN}", ja=f"{ja}{_NO_CHARGE_JA}")


REJECTED: Final = LocalizedText(
    en="We could not accept this order. Nothing was charged. Please contact support if you have questions.",
    ja="誠に申し訳ございませんが、今回のご注文はお受けできませんでした。料金は発生しておりません。"
    "ご不明な点はサポートまでお問い合わせください。",
)
"""The general reason."""
_TEXTS: Final[Mapping[str, LocalizedText]] = {
    "ADDRESS": _both(
        "We could not accept this order because the address could not be verified. Please check it and order again.",
        "ご住所を確認できなかったため、今回のご注文はお受けできませんでした。"
        "ご住所をご確認のうえ、改めてお申し込みください。",
    ),
    "IDENTITY": _both(
        "We could not accept this order because your identity could not be verified. Please verify it and order again.",
        "ご本人様確認ができなかったため、今回のご注文はお受けできませんでした。"
        "ご本人様確認のうえ、改めてお申し込みください。",
    ),
    "DUPLICATE": _both(
        "We could not accept this order because you have this service already.",
        "すでに同じサービスをご契約のため、今回のご注文はお受けできませんでした。",
    ),
    "UNAVAILABLE": _both(
        "We could not accept this order because the service is not available at your address.",
        "ご住所ではサービスをご利用いただけないため、今回のご注文はお受けできませんでした。",
    ),
    "PAYMENT": _both(
        "We could not accept this order because of your payment method. Please look at it and order again.",
        "お支払い方法の都合により、今回のご注文はお受けできませんでした。"
        "お支払い方法をご確認のうえ、改めてお申し込みください。",
    ),
    "REQUEST": _both(
        "This order was cancelled as you asked.",
        "お客様のご希望により、ご注文を取り消しました。",
    ),
}


def rejection_code(note: str) -> str | None:
    """Give the code staff's note begins with; None when it begins with none."""
    found = _FIRST_WORD.match(note)
    code = found[1].upper() if found else ""
    return code if code in _TEXTS else None


def rejection_words(code: str | None) -> LocalizedText:
    """Give what the customer reads."""
    return _TEXTS.get(code or "", REJECTED)
