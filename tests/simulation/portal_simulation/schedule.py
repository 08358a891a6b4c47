"""What happens in one schedule, drawn from a seed: orders, staff, faults, deaths, quirks. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from portal_contracts.porting import NumberPorting
from portal_simulation.bus import BusFault
from portal_simulation.seeded import seeded

Kind = Literal["voice", "voice_option", "data", "ported", "card", "vpn", "internet"]
PRODUCTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "voice": ("SIM-VOICE-ESIM-20G", "SIM-ACTIVATION"),
    "voice_option": ("SIM-VOICE-ESIM-20G", "SIM-ACTIVATION", "SIM-VOICEMAIL"),
    "data": ("SIM-DATA-ESIM-10G",),
    "ported": ("SIM-DATA-ESIM-10G",),
    "card": ("SIM-DATA-PHYS-5G",),
    "vpn": ("VPN-US", "VPN-ACTIVATION"),
    "internet": ("INT-HOME-1G",),
}
"""SKUs of an order, the service first."""

WRITES: Final = (("whmcs", "AddOrder"), ("whmcs", "AcceptOrder"), ("freebit", "mvno/esim/addAcnt"))
CALLS: Final = (
    *(WRITES * 3),
    ("whmcs", "GetPayMethods"),
    ("whmcs", "GetProducts"),
    ("whmcs", "GetClientsProducts"),
    ("whmcs", "GetOrders"),
    ("whmcs", "GetInvoice"),
    ("whmcs", "GetModuleQueue"),
    ("whmcs", "UpdateClientProduct"),
    ("whmcs", "CancelOrder"),
    ("whmcs", "*"),
    ("freebit", "authOem"),
    ("freebit", "mvno/getDetail"),
    ("freebit", "mvno/talkoption/addOrder"),
    ("freebit", "*"),
    ("salesforce", "token"),
    ("salesforce", "query"),
    ("salesforce", "composite"),
    ("salesforce", "composite"),
    ("salesforce", "*"),
    ("sendgrid", "mail/send"),
)
"""Every outside call of the path; the writes that decide stand three times."""
SUBJECTS: Final = (
    "orders.provisioning.*",
    "orders.*",
    "billing.order.*",
    "billing.order.*",
    "billing.*",
    "catalog.*",
    "identity.*",
    "*",
)
MORTAL: Final = ("orders", "billing", "billing", "fulfillment", "fulfillment", "notifications", "changefeed")
_AT_WRITES: Final = ("after intent", "before the end of an intent", "after the end of an intent", "after commit")
DECISIVE: Final[Mapping[str, tuple[str, ...]]] = {
    "billing": (*_AT_WRITES, "before a write to whmcs", "before a write to whmcs", "after whmcs", "before reply"),
    "fulfillment": (*_AT_WRITES, "before freebit", "before freebit", "after freebit"),
    "orders": ("after salesforce", "after transaction", "before reply"),
    "notifications": (*_AT_WRITES, "after sendgrid"),
}
"""Points at which dying is worst."""
AMBIGUOUS: Final = frozenset(
    {"refused", "before_effect", "after_effect", "late", "slow", "drip", "malformed", "html", "empty", "nonsense"}
)


@dataclass(frozen=True, slots=True)
class VendorFault:
    """A fault rule of the sandbox, armed `at` seconds after the start. With `period` it hits everything that long."""

    vendor: str
    call: str
    kind: str
    at: float = 0.0
    skip: int = 0
    times: int | None = 1
    period: float | None = None
    params: Mapping[str, Any] = frozenset()  # type: ignore[assignment]  # an empty one; dictionaries are no defaults

    def rule(self) -> dict[str, Any]:
        """The rule as the sandbox takes it."""
        times = None if self.period is not None else self.times
        return {
            "vendor": self.vendor,
            "call": self.call,
            "kind": self.kind,
            "skip": self.skip,
            "times": times,
            "params": dict(self.params),
        }


@dataclass(frozen=True, slots=True)
class Outage:
    """A vendor that nobody can connect to for a while: nothing sent in that time has left."""

    vendor: str
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class BusTrouble:
    """What goes wrong with some requests on the bus; `subject` is a shell pattern."""

    subject: str
    kind: BusFault
    skip: int
    times: int


@dataclass(frozen=True, slots=True)
class Death:
    """A worker dies at the n-th point its service passes, and another takes its place `down` seconds later.

    With `where` only points with that text in their names count, such as `after intent`.
    """

    service: str
    point: int
    down: float
    where: str = ""


@dataclass(frozen=True, slots=True)
class Freeze:
    """A worker is stopped at the n-th point its service passes and goes on `seconds` later, as if nothing had been."""

    service: str
    point: int
    seconds: float
    where: str = ""


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """One order and what people do to it. Times are seconds after the start; None: it does not happen."""

    kind: Kind
    customer: int
    eid: str | None
    approved_at: float | None
    cancelled_at: float | None = None
    rejected_at: float | None = None
    """Staff reject it in their review."""
    card_added_at: float | None = None
    """The customer has no card until then; None: has one from the start."""
    accepted_by_hand_at: float | None = None
    retried_at: float | None = None
    """When staff ask for another try of an order that has failed."""
    porting: NumberPorting | None = None
    """The number that comes along."""
    card: str | None = None
    """What is printed on the SIM card that staff have put aside; None for an eSIM."""
    due_after: float | None = None
    """The customer wants it so many seconds after ordering, rounded up to the minute; None: at once."""

    @property
    def is_sim(self) -> bool:
        """Whether a line has to be switched on."""
        return self.eid is not None or self.card is not None

    @property
    def esim(self) -> bool | None:
        """Whether it is an eSIM; None for what is no SIM."""
        return None if not self.is_sim else self.card is None

    @property
    def is_plain(self) -> bool:
        """Whether nobody interferes: approved, with a card, left alone."""
        return self.approved_at is not None and self.cancelled_at is None and self.accepted_by_hand_at is None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that is decided before it starts."""

    seed: int
    workers: int
    orders: tuple[OrderPlan, ...]
    faults: tuple[VendorFault, ...] = ()
    outages: tuple[Outage, ...] = ()
    bus: tuple[BusTrouble, ...] = ()
    deaths: tuple[Death, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    switches: Mapping[str, Mapping[str, Any]] = frozenset()  # type: ignore[assignment]  # an empty one
    lost_position_at: float | None = None
    silent: bool = False
    """Salesforce tells nobody anything: only the sweeper finds approved orders."""
    failing_eids: tuple[str, ...] = ()
    repeats: float = 0.0
    dawdles: float = 0.0
    page_rows: int = 100
    moves: tuple[tuple[float, int], ...] = ()
    """Business time moved forward: when, and by how many seconds."""

    @property
    def calm_at(self) -> float:
        """When nothing new goes wrong any more, seconds after the start."""
        moments = [300.0]
        moments += [fault.at + (fault.period or 300.0) for fault in self.faults]
        moments += [outage.at + outage.seconds for outage in self.outages]
        moments += [320.0 + freeze.seconds for freeze in self.freezes]
        for order in self.orders:
            times = (order.approved_at, order.rejected_at, order.cancelled_at, order.card_added_at)
            times = (*times, order.accepted_by_hand_at)
            moments += [time + 30.0 for time in times if time is not None]
        moments += [at + 5.0 for at, _ in self.moves]
        return max(moments)

    @classmethod
    def from_seed(cls, seed: int) -> "Schedule":
        """Draw a schedule; the same seed draws the same one."""
        return _Draw(seed).schedule()


class _Draw:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._chance = seeded(seed)

    def schedule(self) -> Schedule:
        chance = self._chance
        orders = tuple(self._order(number) for number in range(self._how_many_orders()))
        faults: list[VendorFault] = []
        outages: list[Outage] = []
        bus: list[BusTrouble] = []
        deaths: list[Death] = []
        freezes: list[Freeze] = []
        for _ in range(chance.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 6))):
            drawn = chance.random()
            if drawn < 0.58:
                faults.append(self._fault())
            elif drawn < 0.66:
                vendor = chance.choice(("salesforce", "whmcs", "freebit"))
                outages.append(Outage(vendor, chance.uniform(0, 60), chance.choice((20.0, 90.0, 300.0, 700.0))))
            elif drawn < 0.80:
                bus.append(self._bus_trouble())
            elif drawn < 0.92:
                deaths.append(self._death(len(orders)))
            else:
                stopped = self._death(len(orders), chance.choice(("billing", "fulfillment")))
                seconds = chance.choice((15.0, 45.0, 60.0, 200.0, 300.0))
                freeze = Freeze(stopped.service, stopped.point, seconds, stopped.where)
                if stopped.service == "billing" and self._happens(0.6):  # on the line before the socket write
                    freeze = Freeze("billing", chance.randint(1, 3), seconds, "before a write to whmcs")
                freezes.append(freeze)
        eids = [order.eid for order in orders if order.eid is not None]
        return Schedule(
            seed=self._seed,
            workers=chance.choice((1, 1, 2, 2, 3)),
            orders=orders,
            faults=tuple(faults),
            outages=tuple(outages),
            bus=tuple(bus),
            deaths=tuple(deaths),
            freezes=tuple(freezes),
            switches=self._switches(),
            lost_position_at=chance.uniform(0, 45) if self._happens(0.06) else None,
            silent=self._happens(0.06),
            failing_eids=(chance.choice(eids),) if eids and self._happens(0.06) else (),
            repeats=chance.choice((0.0, 0.0, 0.1, 0.5)),
            dawdles=chance.choice((0.0, 0.0, 0.05, 0.3)),
            page_rows=2 if self._happens(0.15) else 100,
            moves=((chance.uniform(20, 250), chance.choice((60, 600, 3600))),) if self._happens(0.08) else (),
        )

    def _happens(self, share: float) -> bool:
        return self._chance.random() < share

    def _how_many_orders(self) -> int:
        return self._chance.choice((*(1,) * 12, *(2,) * 5, 3, 3, 4, 5, 6, 8))

    def _order(self, number: int) -> OrderPlan:
        chance = self._chance
        kind: Kind = chance.choice(("voice", "voice_option", "voice_option", "data", "data", "vpn", "internet"))
        approved_at = chance.uniform(0, 40)
        drawn = chance.random()
        cancelled_at = approved_at + chance.choice((0.2, 1, 3, 60, 400)) if 0.04 <= drawn < 0.11 else None
        no_card = 0.08 <= drawn < 0.17
        card_added_at = (cancelled_at or approved_at) + chance.uniform(60, 1200) if no_card else None
        return OrderPlan(
            kind=kind,
            customer=chance.randrange(5) if self._happens(0.3) else number + 1,
            eid=None if kind in ("vpn", "internet") else f"890490320000000000000000{number:08d}",
            approved_at=None if drawn < 0.04 else approved_at,
            rejected_at=approved_at if drawn < 0.03 else None,
            cancelled_at=cancelled_at,
            card_added_at=card_added_at,
            accepted_by_hand_at=approved_at + chance.uniform(1, 120) if 0.17 <= drawn < 0.20 else None,
            retried_at=chance.uniform(1500, 4000) if self._happens(0.5) else None,
        )

    def _fault(self) -> VendorFault:
        chance = self._chance
        vendor, call = chance.choice(CALLS)
        kind, params = self._kind_of_fault(vendor, call)
        period = chance.choice((30.0, 200.0, 600.0, 660.0)) if self._happens(0.25) else None
        if kind in ("stale", "late") or (kind == "error" and params["meaning"] == "permanent"):
            period = None
        return VendorFault(
            vendor=vendor,
            call=call,
            kind=kind,
            at=chance.choice((0.0, 0.0, 0.0, chance.uniform(0, 120))),
            skip=chance.choice((0, 0, 0, 0, 1, 2, 5)),
            times=chance.choice((1, 1, 1, 1, 2, 3)),
            period=period,
            params=params,
        )

    def _kind_of_fault(self, vendor: str, call: str) -> tuple[str, dict[str, Any]]:
        chance = self._chance
        kinds: list[tuple[str, dict[str, Any]]] = [
            ("refused", {}),
            ("before_effect", {"seconds": chance.choice((1, 40, 60))}),
            ("after_effect", {"seconds": chance.choice((0, 0, 40))}),
            ("after_effect", {}),
            ("slow", {"seconds": chance.choice((3, 14, 28, 45))}),
            ("drip", {"interval": 1}),
            ("malformed", {}),
            ("html", {}),
            ("empty", {}),
            ("nonsense", {"shape": chance.choice(("missing", "ill_typed"))}),
            ("status", {"status": 503}),
            ("status", {"status": 504, "effect": True}),
            ("quota", {}),
            ("auth", {}),
            ("error", {"meaning": chance.choice(("transient", "ambiguous", "permanent"))}),
        ]
        if (vendor, call) in WRITES or call == "composite":
            kinds += [("late", {"businessSeconds": chance.choice((10, 60, 124, 200, 400, 600))})] * 4
        return chance.choice(kinds)

    def _bus_trouble(self) -> BusTrouble:
        chance = self._chance
        kind: BusFault = chance.choice(("request_lost", "reply_lost", "reply_lost", "twice", "slow"))
        return BusTrouble(chance.choice(SUBJECTS), kind, chance.choice((0, 0, 1, 3, 6)), chance.choice((1, 1, 2, 5)))

    def _death(self, orders: int, service: str | None = None) -> Death:
        chance = self._chance
        service = service or chance.choice(MORTAL)
        each = {"orders": 60, "billing": 80, "fulfillment": 60, "notifications": 14, "changefeed": 14}[service]
        down = chance.choice((0.5, 5.0, 40.0, 120.0))
        if service in DECISIVE and self._happens(0.5):
            return Death(service, chance.randint(1, 2 * orders), down, chance.choice(DECISIVE[service]))
        return Death(service, chance.randint(1, each * orders), down)

    def _switches(self) -> dict[str, dict[str, Any]]:
        chance = self._chance
        salesforce: dict[str, Any] = {}
        if self._happens(0.15):
            salesforce["flowSelfTrigger"] = True
        if self._happens(0.08):
            salesforce["publishBeforeCommit"] = True
            salesforce["commitLagSeconds"] = chance.choice((1, 5, 20))
        if self._happens(0.1):
            salesforce["flowShortIds"] = True
        freebit = {"completionSeconds": chance.choice((2, 60, 300, 600, 1500))}
        whmcs: dict[str, Any] = {"emptyLists": chance.choice(("string", "list", "object", "null", "missing"))}
        if self._happens(0.5):
            whmcs["keepNotes"] = True
        return {"salesforce": salesforce, "freebit": freebit, "whmcs": whmcs}
