"""Where a text is found in all that a portal wrote, said and answered."""

import asyncio
from dataclasses import dataclass, field

from portal_chassis.testing import SpanCollector
from portal_security.bus_tap import BusTap
from portal_testing.stack import PortalStack

GIVEN = ("sandbox", "keys")
"""Folders that are not the portal's own: the vendors' records, and the keys it was given."""


@dataclass
class Witness:
    """Looks through files (logs, streams, Postgres with its write-ahead log, Redis), the bus, spans and answers."""

    stack: PortalStack
    tap: BusTap
    spans: SpanCollector
    refusals: list[str] = field(default_factory=list)
    """Bodies of what was answered to requests that failed."""

    async def holding(self, secrets: dict[str, str]) -> dict[str, set[str]]:
        """Name the places of each secret, by what the secret is called."""
        found = await asyncio.to_thread(self._in_files, {what: secret.encode() for what, secret in secrets.items()})
        spans = [
            (f"span {span.service} {span.name}", f"{span.name} {dict(span.attributes)}") for span in self.spans.spans
        ]
        for what, secret in secrets.items():
            found[what] |= {f"bus {name}" for name in self.tap.holding(secret)}
            found[what] |= {name for name, told in spans if secret in told}
            found[what] |= {"refusal" for told in self.refusals if secret in told}
        return found

    def _in_files(self, secrets: dict[str, bytes]) -> dict[str, set[str]]:
        self.stack.redis.ask("SAVE")
        # In the write-ahead log alone a row may be cut in two by the head of a page.
        self.stack.postgres.administer("CHECKPOINT;")
        state, found = self.stack.state_folder, {what: set[str]() for what in secrets}
        given = {state / name for name in GIVEN}
        for path in state.rglob("*"):
            if not path.is_file() or given & set(path.parents):
                continue
            text = path.read_bytes()
            for what, secret in secrets.items():
                if secret in text:
                    found[what].add(f"file {path.relative_to(state).parts[0]}")
        return found
