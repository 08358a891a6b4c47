"""The signed, thin events a hook file in WHMCS would post (reference/whmcs.md 7.2)."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping

from portal_sandbox.core.core import Core
from portal_sandbox.whmcs.calls import TOKYO, VENDOR

_TIMEOUT_SECONDS = 2.0


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """`v1=` and the hex HMAC-SHA256 of `<timestamp>.<raw body>`."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1={signed.hexdigest()}"


class HookSender:
    """Posts events after the commit that caused them; what could not be delivered waits for the next daily job."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def fire(self, event: str, client_id: int | None, data: Mapping[str, object]) -> None:
        """Keeps the event and posts it, unless no receiver is set or a switch drops it."""
        if not self._core.settings.whmcs_hook_url:
            return
        mode = self._core.switches.text(VENDOR, "hooks")
        event_id = str(uuid.uuid4())
        occurred = self._core.clock.now().astimezone(TOKYO).isoformat(timespec="seconds")
        text = json.dumps(
            {"id": event_id, "event": event, "occurred_at": occurred, "client_id": client_id, "data": dict(data)},
            separators=(",", ":"),
        )
        with self._core.store.transaction() as db:
            db.execute("INSERT INTO whmcs_hook_event (id, at, body) VALUES (?, ?, ?)", (event_id, occurred, text))
        for _ in range({"drop": 0, "duplicate": 2}.get(mode, 1)):
            self._core.spawn(self._deliver(event_id, text))

    def drain(self) -> None:
        """Posts again what was never taken."""
        if self._core.settings.whmcs_hook_url and self._core.switches.text(VENDOR, "hooks") != "drop":
            with self._core.store.transaction() as db:
                waiting = db.execute("SELECT id, body FROM whmcs_hook_event WHERE delivered = 0 ORDER BY at").fetchall()
            for row in waiting:
                self._core.spawn(self._deliver(row["id"], row["body"]))

    async def _deliver(self, event_id: str, text: str) -> None:
        settings = self._core.settings
        await asyncio.sleep(self._core.switches.number(VENDOR, "hookDelaySeconds"))
        body = text.encode()
        # A signature lives on real time: receivers refuse one that is minutes away from their machine's clock.
        timestamp = int(self._core.clock.now().timestamp()) - self._core.clock.offset_seconds()
        headers = {
            "Content-Type": "application/json",
            "X-Portal-Event-Id": event_id,
            "X-Portal-Timestamp": str(timestamp),
            "X-Portal-Signature": signature(settings.whmcs_hook_secret, timestamp, body),
        }
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                answer = await self._core.post(settings.whmcs_hook_url, headers, body)
            if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success statuses
                with self._core.store.transaction() as db:
                    db.execute("UPDATE whmcs_hook_event SET delivered = 1 WHERE id = ?", (event_id,))
