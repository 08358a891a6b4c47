"""Every outside call of provisioning, and how often an order of each sort makes it when nothing goes wrong.

The numbers are measured: `recorded` plays an order of each sort with a rule that delays nothing at each call, and a
test compares. A call that the process begins to make, or makes once more, fails that test before it has cells.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from portal_simulation.judging import judge
from portal_simulation.matrix_schedule import RECORDED_SEED, SORTS, SWITCHES, CellSchedule, Sort, orders_of
from portal_simulation.schedule import VendorFault

BUS: Final = "bus"
_ENDED: Final = 230.0
"""Every sort of order is active by then, and the sweepers have not looked again: what was called is the process's."""
_VENDORS: Final = ("salesforce", "whmcs", "freebit", "sendgrid")


@dataclass(frozen=True, slots=True)
class OutsideCall:
    """A vendor's call, or (`vendor` is `bus`) a question to another service. `made`: how often, by sort of order."""

    vendor: str
    name: str
    made: Mapping[Sort, int]
    is_read: bool = True
    lapses: str = ""
    """A login: the call whose refused session makes it necessary again."""

    @property
    def key(self) -> str:
        """Name it as the tests do."""
        return f"{self.vendor}.{self.name}"


def _by_sort(*times: int) -> Mapping[Sort, int]:
    return dict(zip(SORTS, times, strict=True))


CALLS: Final = (
    OutsideCall("salesforce", "token", _by_sort(0, 0, 0, 0, 0, 0, 0), is_read=False, lapses="query"),
    OutsideCall("salesforce", "query", _by_sort(8, 8, 8, 8, 6, 6, 8)),
    OutsideCall("salesforce", "composite", _by_sort(1, 1, 1, 1, 1, 1, 3), is_read=False),
    OutsideCall("whmcs", "GetPayMethods", _by_sort(1, 1, 1, 1, 1, 1, 2)),
    OutsideCall("whmcs", "GetProducts", _by_sort(2, 2, 2, 2, 2, 2, 3)),
    OutsideCall("whmcs", "GetClientsProducts", _by_sort(8, 8, 8, 8, 8, 8, 8)),
    OutsideCall("whmcs", "GetOrders", _by_sort(8, 8, 8, 8, 8, 8, 8)),
    OutsideCall("whmcs", "AddOrder", _by_sort(1, 1, 1, 1, 1, 1, 1), is_read=False),
    OutsideCall("whmcs", "GetInvoice", _by_sort(2, 2, 2, 2, 2, 2, 2)),
    OutsideCall("whmcs", "AcceptOrder", _by_sort(1, 1, 1, 1, 1, 1, 1), is_read=False),
    OutsideCall("whmcs", "GetModuleQueue", _by_sort(2, 1, 1, 1, 2, 1, 2)),
    OutsideCall("whmcs", "UpdateClientProduct", _by_sort(2, 1, 1, 1, 2, 1, 2), is_read=False),
    OutsideCall("freebit", "authOem", _by_sort(1, 1, 1, 1, 0, 0, 0), is_read=False),
    OutsideCall("freebit", "mvno/getDetail", _by_sort(3, 2, 2, 2, 0, 0, 0)),
    OutsideCall("freebit", "mvno/esim/addAcnt", _by_sort(1, 1, 1, 0, 0, 0, 0), is_read=False),
    OutsideCall("freebit", "master/addAcnt", _by_sort(0, 0, 0, 1, 0, 0, 0), is_read=False),
    OutsideCall("freebit", "mvno/talkoption/addOrder", _by_sort(1, 0, 0, 0, 0, 0, 0), is_read=False),
    OutsideCall("sendgrid", "mail/send", _by_sort(2, 2, 2, 2, 2, 2, 2), is_read=False),
    OutsideCall("bus", "orders.provisioning.read.v1", _by_sort(4, 4, 4, 4, 2, 2, 3)),
    OutsideCall("bus", "orders.provisioning.mark_activating.v1", _by_sort(1, 1, 1, 1, 1, 1, 1), is_read=False),
    OutsideCall("bus", "orders.provisioning.record_outcome.v1", _by_sort(1, 1, 1, 1, 1, 1, 2), is_read=False),
    OutsideCall("bus", "orders.mail.read.v1", _by_sort(2, 2, 2, 2, 2, 2, 2)),
    OutsideCall("bus", "billing.payment_method.check.v1", _by_sort(1, 1, 1, 1, 1, 1, 2)),
    OutsideCall("bus", "billing.product.list.v1", _by_sort(1, 1, 1, 1, 1, 1, 2)),
    OutsideCall("bus", "billing.order.reserve.v1", _by_sort(1, 1, 1, 1, 1, 1, 1), is_read=False),
    OutsideCall("bus", "billing.order.accept.v1", _by_sort(1, 1, 1, 1, 1, 1, 1), is_read=False),
    OutsideCall("bus", "catalog.product.find.v1", _by_sort(5, 5, 5, 5, 3, 3, 4)),
    OutsideCall("bus", "identity.customer.find.v1", _by_sort(5, 5, 5, 5, 3, 3, 4)),
    OutsideCall("bus", "identity.recipient.read.v1", _by_sort(2, 2, 2, 2, 2, 2, 2)),
)
"""What provisioning asks of vendors, and its services of one another."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What one order called when nothing went wrong."""

    calls: Mapping[str, int]
    unnamed: int
    """Calls that are not in the table."""
    broken: tuple[str, ...]


def recorded(sort: Sort) -> Recording:
    """Play one order of a sort and count what it calls."""
    counting = [
        VendorFault(call.vendor, call.name, "slow", times=None, params={"seconds": 0})
        for call in CALLS
        if call.vendor != BUS
    ]
    # Armed later, so that it counts what no rule before it has counted.
    counting += [VendorFault(vendor, "*", "slow", at=0.5, times=None, params={"seconds": 0}) for vendor in _VENDORS]
    verdict = judge(
        CellSchedule(
            seed=RECORDED_SEED,
            workers=1,
            orders=orders_of([sort]),
            faults=tuple(counting),
            switches=SWITCHES,
            lasts=_ENDED,
        )
    )
    assert verdict.played is not None
    hits: Counter[str] = Counter()
    for name, times in verdict.played.hits.items():
        vendor, call, _ = name.split(" ")
        hits[f"{vendor}.{call}"] += times
    asked = {f"bus.{subject}": times for subject, times in verdict.played.world.network.asked.items()}
    calls = {name: times for name, times in hits.items() if times and not name.endswith("*")}
    unnamed = sum(times for name, times in hits.items() if name.endswith("*"))
    return Recording({**calls, **asked}, unnamed, tuple(str(one) for one in verdict.broken))
