"""How a case stands, in words for its customer: staff's own words stay with staff. No I/O."""

from collections.abc import Mapping
from typing import Final

from portal_contracts.catalog import LocalizedText
from portal_contracts.support import CaseState

WORDS: Final[Mapping[CaseState, LocalizedText]] = {
    "new": LocalizedText(en="Received", ja="受付済み"),
    "in_progress": LocalizedText(en="We are working on it", ja="対応中"),
    "waiting_for_customer": LocalizedText(en="Waiting for your answer", ja="お客様のご回答待ち"),
    "closed": LocalizedText(en="Closed", ja="完了"),
    "unknown": LocalizedText(en="We are working on it", ja="対応中"),
}


def case_state(read: str, *, closed: bool) -> CaseState:
    """Give the state for what the profile reads; whether a case is closed is Salesforce's to say, whatever the text."""
    if closed:
        return "closed"
    return next((state for state in WORDS if state == read and state != "closed"), "unknown")
