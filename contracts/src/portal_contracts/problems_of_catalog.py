"""Problems of what is on sale: prices nobody can vouch for, and lines that are being checked."""

from typing import Final

from portal_contracts.problem_entry import ProblemEntry, refused

PROBLEMS_OF_CATALOG: Final[tuple[ProblemEntry, ...]] = (
    refused(
        "PRICE_NOT_VERIFIED",
        409,
        "{sku} cannot be ordered right now. Please try again later.",
        "{sku}は現在ご注文いただけません。しばらくしてからもう一度お試しください。",
        "WHMCS has not confirmed the price of {sku} for too long (R092).",
        owner="us",
    ),
    refused(
        "ELIGIBILITY_NOT_CHECKED",
        409,
        "Ask us to check which Internet lines are possible at your address first.",
        "先に、ご住所で利用できる回線の提供エリア確認をお申し込みください。",
        "The account never asked for an eligibility check (C25).",
    ),
    refused(
        "ELIGIBILITY_PENDING",
        409,
        "We are checking which Internet lines are possible at your address.",
        "ご住所で利用できるインターネット回線を確認しております。",
        "The account's eligibility check has no result yet (C25).",
        owner="staff",
    ),
)
