"""A write to WHMCS from within a process: journalled before it leaves, and told apart afterwards (rule 1, I13)."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from portal_billing.ports import Unclear
from portal_billing.protocol_metrics import UNCLEAR
from portal_chassis.process import Intent, JournalEntry, Run
from portal_contracts.problems import Misconfigured, TryLater

LEFT: Final = "left"
"""Evidence that a call surely did not leave: False."""


@asynccontextmanager
async def vendor_write(
    run: Run[Any], call: str, fingerprint: str, evidence: Mapping[str, Any]
) -> AsyncIterator[Intent]:
    """Journal a write around the block. Everything but a success or a refusal stays `unknown` in the journal.

    TryLater and Misconfigured come from an adapter that knows nothing was done; that is noted as evidence, so that they
    cost no quiet period.
    """
    async with run.outside(call, fingerprint=fingerprint) as intent:
        intent.evidence.update(evidence)
        try:
            yield intent
        except (TryLater, Misconfigured) as problem:
            intent.evidence.update({LEFT: False, "code": problem.code})
            raise
        except Unclear as unclear:
            intent.evidence.update(unclear.evidence)
            raise


@dataclass(frozen=True, slots=True)
class Tries:
    """What the journal knows of a call: what it made, and how many outcomes are unknown."""

    made: int | None
    unclear: int
    any: bool


def tries_of(entries: Sequence[JournalEntry], scope: str) -> Tries:
    """Read the journal's entries of one scope. A `started` one belongs to a worker that died: it may have left."""
    ours = [entry for entry in entries if entry.fingerprint.startswith(f"{scope}:")]
    made = [int(entry.external_id) for entry in ours if entry.state == "succeeded" and entry.external_id]
    unclear = [
        entry for entry in ours if entry.state in ("started", "unknown") and entry.evidence.get(LEFT) is not False
    ]
    return Tries(made[-1] if made else None, len(unclear), bool(ours))


def fingerprint_of(scope: str, content: Any) -> str:
    """Give a fingerprint of what is sent, with the scope it counts in at the front."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return f"{scope}:{hashlib.sha256(text.encode()).hexdigest()}"


@asynccontextmanager
async def journalled(
    run: Run[Any], call: str, scope: str, content: Any, evidence: Mapping[str, Any]
) -> AsyncIterator[None]:
    """Journal a write that is harmless to repeat: an unclear outcome is TryLater, and the step makes it again (I13)."""
    try:
        async with vendor_write(run, call, fingerprint_of(scope, content), evidence):
            yield
    except Unclear as unclear:
        UNCLEAR.labels(call).inc()
        raise TryLater("WHMCS_UNAVAILABLE") from unclear
