"""The sandbox from a tester's side: faults, ledger, clock, switches. The portal sees none of it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx


@dataclass(frozen=True)
class SignedCallOutcome:
    """What the portal answered to a signed call; `code` of a problem, `headers` as they were sent."""

    status: int | None
    code: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class SandboxControl:
    """Speaks to the sandbox's control API; every call opens its own connection, so it works from any event loop."""

    url: str

    async def arm_fault(
        self,
        vendor: str,
        call: str,
        kind: str,
        *,
        times: int | None = 1,
        rate: float | None = None,
        seed: int | None = None,
        skip: int = 0,
        contains: str = "",
        params: Mapping[str, object] | None = None,
    ) -> None:
        """Let the next `times` calls (or a seeded share of all) fail in a way named by `kind`; `call` may be `*`.

        The first `skip` matching calls pass; `contains` asks for a text in the request's body.
        """
        rule = {"vendor": vendor, "call": call, "kind": kind, "times": times, "rate": rate, "seed": seed}
        more = {"skip": skip, "contains": contains, "params": dict(params or {})}
        await self._send("POST", "/faults", {**rule, **more})

    async def faults(self) -> list[dict[str, Any]]:
        """Give the rules with how often each was applied."""
        found: list[dict[str, Any]] = (await self._send("GET", "/faults"))["faults"]
        return found

    async def clear_faults(self) -> None:
        """Forget all rules."""
        await self._send("DELETE", "/faults")

    async def ledger(
        self, *, vendor: str = "", kind: str = "", key: str = "", after: int = 0, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        """Give the effects that really happened, oldest first: what invariants are checked against."""
        query = f"?vendor={vendor}&kind={kind}&key={key}&after={after}&limit={limit}"
        found: list[dict[str, Any]] = (await self._send("GET", f"/ledger{query}"))["entries"]
        return found

    async def advance_clock(self, seconds: int) -> None:
        """Move business time forward, for vendors and portal alike."""
        await self._send("POST", "/clock", {"advanceSeconds": seconds})

    async def now(self) -> datetime:
        """Business time."""
        return datetime.fromisoformat((await self._send("GET", "/clock"))["now"])

    async def advance_to(self, moment: datetime) -> None:
        """Move business time to a moment, to the second; raises ValueError when it has passed."""
        left = math.ceil((moment - await self.now()).total_seconds())
        if left < 0:
            raise ValueError(f"{moment} has passed")
        await self.advance_clock(left)

    async def call_provision(self, order_id: str, **told: object) -> SignedCallOutcome:
        """Have staff press "Provision in WHMCS": the signed call.

        `told` spoils or names what the org would fill in: `requestedBy`, `correlationId`, `idempotencyKey`, `nonce`,
        `timestamp`, `keyId`, `key`.
        """
        outcome = await self._send("POST", "/salesforce/provision-call", {"orderId": order_id, **told})
        body = json.loads(outcome["body"] or "{}")
        return SignedCallOutcome(outcome["status"], str(body.get("code", "")), outcome["headers"])

    async def publish_events(self, **event: object) -> None:
        """Publish `OrderProvisionRequested__e` as no healthy Flow would; see the control API."""
        await self._send("POST", "/salesforce/events", event)

    async def set_switches(self, switches: Mapping[str, Mapping[str, object]]) -> None:
        """Move quirk switches by vendor; `GET /settings` of the control page lists them."""
        await self._send("POST", "/settings", switches)

    async def reset(self) -> None:
        """Everything as on the first day. The portal is not told: its own rows stay."""
        await self._send("POST", "/reset")

    async def _send(self, method: str, path: str, body: object = None) -> Any:
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            answer = await client.request(method, path, json=body, headers={"accept": "application/json"})
        answer.raise_for_status()
        return answer.json() if answer.content else None
