"""What all stand-ins share: state, business clock, ledger of effects, faults, switches, certificates, control API."""

from portal_sandbox.core.alarm import Alarm
from portal_sandbox.core.clock import Clock
from portal_sandbox.core.core import Core
from portal_sandbox.core.dataset import Dataset, load_dataset
from portal_sandbox.core.fault_middleware import Faults
from portal_sandbox.core.ledger import Ledger
from portal_sandbox.core.outbound import Post, PostAnswer
from portal_sandbox.core.store import Store
from portal_sandbox.core.switches import Switches
from portal_sandbox.core.tls import TlsPaths

__all__ = [
    "Alarm",
    "Clock",
    "Core",
    "Dataset",
    "Faults",
    "Ledger",
    "Post",
    "PostAnswer",
    "Store",
    "Switches",
    "TlsPaths",
    "load_dataset",
]
