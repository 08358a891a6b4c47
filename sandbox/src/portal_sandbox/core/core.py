from dataclasses import dataclass, field

from portal_sandbox.core.clock import Clock
from portal_sandbox.core.dataset import Dataset
from portal_sandbox.core.fault_middleware import Faults
from portal_sandbox.core.ledger import Ledger
from portal_sandbox.core.store import Store
from portal_sandbox.core.switches import Switches
from portal_sandbox.core.tls import TlsPaths
from portal_sandbox.settings import Settings


@dataclass(frozen=True, slots=True)
class Core:
    """What every stand-in is built from.

    `addresses` is filled when the ports are bound and must be read at request time: `control`, `salesforce`,
    `salesforce_tls`, `whmcs`, `freebit`, `sendgrid` are base URLs without a slash at the end, `pubsub` is `host:port`.
    """

    settings: Settings
    store: Store
    clock: Clock
    ledger: Ledger
    faults: Faults
    switches: Switches
    dataset: Dataset
    tls: TlsPaths
    addresses: dict[str, str] = field(default_factory=dict)
