import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field

from starlette.routing import Route

from portal_sandbox.core.clock import Clock
from portal_sandbox.core.dataset import Dataset
from portal_sandbox.core.fault_middleware import Faults
from portal_sandbox.core.ledger import Ledger
from portal_sandbox.core.letters import Letterbox
from portal_sandbox.core.outbound import Post, post
from portal_sandbox.core.store import Store
from portal_sandbox.core.switches import Switches
from portal_sandbox.core.tls import TlsPaths
from portal_sandbox.settings import Settings


@dataclass(frozen=True, slots=True)
class Core:
    """What every stand-in is built from.

    `addresses` is filled when the ports are bound and must be read at request time: `control`, `salesforce`,
    `salesforce_tls`, `whmcs`, `freebit`, `sendgrid`, `openid` are base URLs without a slash at the end, `pubsub` is
    `host:port`.
    """

    settings: Settings
    store: Store
    clock: Clock
    ledger: Ledger
    faults: Faults
    switches: Switches
    dataset: Dataset
    tls: TlsPaths
    post: Post = post
    """How webhooks and callouts leave; a test in one process puts its own receiver here."""
    addresses: dict[str, str] = field(default_factory=dict)
    letterboxes: list[Letterbox] = field(default_factory=list)
    control_routes: list[Route] = field(default_factory=list)
    """What a vendor adds to the control port, registered when it is built."""
    _background: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Runs something beside the call that started it, such as a webhook; cancelled by a reset and at the stop."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def cancel_background(self) -> None:
        """Ends what `spawn` started and late effects of faults."""
        await self.faults.cancel_late()
        running = list(self._background)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def reset(self) -> None:
        """As on the first day: no faults, no late effects, clock at real time, switches and rows as seeded."""
        self.faults.disarm()
        self.faults.forget_counts()
        await self.cancel_background()
        self.store.reset()
