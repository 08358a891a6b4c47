"""What verifies a customer for which commodity (C26), and what counts as a document. No I/O."""

from collections.abc import Mapping
from typing import Final

from portal_contracts.identity_verification import (
    MOST_BYTES,
    Verification,
    VerificationCheck,
    VerificationMethod,
    VerifiedCommodity,
)
from portal_contracts.problems import Misconfigured, Refused
from portal_identity.identity_provider_settings import NEEDED
from portal_identity.ports import VerificationOnFile

METHODS: Final[Mapping[VerifiedCommodity, VerificationMethod]] = {
    "internet": "document_upload",
    "sim_data": "document_upload",
    "sim_voice": "staff",
    "vpn": "document_upload",
}
"""The defaults. Voice lines may not be contracted on an uploaded picture; legal review is the operator's (C26)."""
_BEGINNINGS: Final = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"%PDF-", "pdf"))


def require_providers(methods: Mapping[VerifiedCommodity, VerificationMethod], *, provider: bool) -> None:
    """Refuse to start, Misconfigured, where a provider is to verify and none is set: nobody would pass."""
    external = sorted(commodity for commodity, method in methods.items() if method == "external")
    if external and not provider:
        facts = {"setting": f"PORTAL_VERIFICATION_METHODS needs {NEEDED}", "without_provider": ", ".join(external)}
        raise Misconfigured("INTERNAL_ERROR", facts=facts)


def document_kind(content: bytes) -> str:
    """Give a document's kind by its content, whatever it was called. Refused DOCUMENT_REFUSED (C41)."""
    if len(content) <= MOST_BYTES:
        for beginning, kind in _BEGINNINGS:
            if content.startswith(beginning):
                return kind
    raise Refused("DOCUMENT_REFUSED", facts={"megabytes": MOST_BYTES // 1024 // 1024})


def shown(on_file: VerificationOnFile, methods: Mapping[VerifiedCommodity, VerificationMethod]) -> Verification:
    """Give what the customer sees; a reason belongs to a rejection alone (R199)."""
    return Verification(
        status=on_file.status,
        submitted_at=on_file.submitted_at,
        verified_at=on_file.verified_at,
        rejection=on_file.rejection if on_file.status == "rejected" else "",
        methods=methods,
    )


def judged(on_file: VerificationOnFile, method: VerificationMethod) -> VerificationCheck:
    """Judge for one commodity. While a time of submission stands there, documents are what was verified.

    Where that is not enough, staff who have seen the customer or the chip empty that time (C26).
    """
    by_document = on_file.submitted_at is not None
    passed = on_file.status == "verified" and not (by_document and method != "document_upload")
    return VerificationCheck(method=method, status=on_file.status, passed=passed)
