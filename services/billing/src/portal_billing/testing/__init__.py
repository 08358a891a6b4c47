"""Fakes of billing's ports, for tests alone."""

from portal_billing.testing.fake_clients import FakeBilledClients, FakeClients
from portal_billing.testing.fake_orders import FakeOrders, FakeProducts
from portal_billing.testing.fake_reads import FakeReads, FakeSignOn
from portal_billing.testing.fake_services import FakeExtras, FakeRunningServices
from portal_billing.testing.fake_sign_ons import MemorySignOnLog
from portal_billing.testing.fake_store import MemoryClientTurns, MemoryCommandLog, MemoryOrderBook, MemoryOrderJournal
from portal_billing.testing.faults import Fate, Fates, Killed

__all__ = [
    "FakeBilledClients",
    "FakeClients",
    "FakeExtras",
    "FakeOrders",
    "FakeProducts",
    "FakeReads",
    "FakeRunningServices",
    "FakeSignOn",
    "Fate",
    "Fates",
    "Killed",
    "MemoryClientTurns",
    "MemoryCommandLog",
    "MemoryOrderBook",
    "MemoryOrderJournal",
    "MemorySignOnLog",
]
