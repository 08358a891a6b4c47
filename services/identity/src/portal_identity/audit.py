"""The append-only list of security events (R050)."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from portal_chassis.postgres import Transaction
from portal_contracts.account_notes import BillingNote, FulfillmentNote
from portal_contracts.identity_second_factor import SecurityChange

FailedProof: TypeAlias = Literal["log_in_failed", "step_up_failed"]
SecurityWord: TypeAlias = Literal[
    FailedProof,
    SecurityChange,
    BillingNote,
    FulfillmentNote,
    "registered",
    "link_requested",
    "link_failed",
    "linked",
    "logged_in",
    "second_factor_asked",
    "stepped_up",
    "step_up_slowed",
    "logged_out",
    "session_revoked",
    "password_changed",
    "password_change_failed",
    "password_change_slowed",
    "password_reset_requested",
    "password_reset",
    "email_change_requested",
    "email_changed",
    "api_token_revoked",
    "document_submitted",
    "document_infected",
    "identity_check_begun",
    "identity_check_failed",
    "identity_check_concluded",
    "personal_data_exported",
    "deletion_requested",
    "deletion_withdrawn",
    "erased",
]
"""What customers read of; each of them is proven over HTTP in tests/security/test_security_events.py."""
OperatorWord: TypeAlias = Literal[
    "operator_granted",
    "operator_revoked",
    "operator_enrolment_begun",
    "operator_enrolled",
    "operator_signed_in",
    "operator_signed_out",
    "operator_sign_in_failed",
]
AuditWord: TypeAlias = SecurityWord | OperatorWord
SLOWED: Final[Mapping[FailedProof, SecurityWord]] = {
    "log_in_failed": "log_in_slowed",
    "step_up_failed": "step_up_slowed",
}
"""What a proof is called that was not even looked at, because those before it were wrong."""


ADD: Final = "INSERT INTO audit_entry (user_id, event, facts, at)"


async def write_audit(transaction: Transaction, user_id: str | None, event: AuditWord, **facts: Any) -> None:
    """Add an entry in the transaction of what it tells of; facts hold no secrets."""
    await write_audit_of(transaction, user_id, event, None, facts)


async def write_audit_of(
    transaction: Transaction, user_id: str | None, event: AuditWord, at: datetime | None, facts: Mapping[str, Any]
) -> None:
    """Add an entry of something that happened before, or now where `at` is None."""
    await transaction.execute(
        f"{ADD} VALUES ($1, $2, $3, coalesce($4, now()))",
        UUID(user_id) if user_id else None,
        event,
        json.dumps(facts),
        at,
    )
