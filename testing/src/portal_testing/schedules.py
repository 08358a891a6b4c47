"""Schedules of trouble drawn from a seed: what fails at the vendors, who dies, how Salesforce's Flow misbehaves."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Moment: TypeAlias = Literal["sign_up", "checkout", "approval"]
MOMENTS: Final[tuple[Moment, ...]] = ("sign_up", "checkout", "approval")

CALLS: Final[Mapping[Moment, Mapping[str, tuple[str, ...]]]] = {
    "sign_up": {
        "whmcs": ("AddClient", "GetClientsDetails", "GetPayMethods"),
        "salesforce": ("token", "query", "composite*", "PATCH *", "GET *"),
        "sendgrid": ("mail/send",),
    },
    "checkout": {
        "whmcs": ("GetClientsDetails", "GetPayMethods", "GetProducts", "GetClientsProducts"),
        "salesforce": ("token", "query", "composite*"),
        "sendgrid": ("mail/send",),
    },
    "approval": {
        "whmcs": (
            "GetPayMethods",
            "GetProducts",
            "GetClientsProducts",
            "GetOrders",
            "AddOrder",
            "AddOrder",
            "AcceptOrder",
            "UpdateClientProduct",
            "GetInvoice",
            "GetModuleQueue",
        ),
        "freebit": ("authOem", "mvno/getDetail", "mvno/esim/addAcnt", "mvno/esim/addAcnt", "mvno/talkoption*"),
        "salesforce": ("token", "query", "composite*", "composite*", "PATCH *"),
        "sendgrid": ("mail/send",),
    },
}
"""What the portal calls after which moment; a call that stands twice is drawn more often."""
WEIGHTS: Final[Mapping[str, int]] = {"whmcs": 10, "freebit": 5, "salesforce": 6, "sendgrid": 1}
PROCESSES: Final = (
    "gateway",
    "identity",
    "catalog",
    "orders",
    "billing",
    "fulfillment",
    "notifications",
    "changefeed",
    "NATS",
    "Postgres",
)
QUIRKS: Final = ("flowSelfTrigger", "publishBeforeCommit", "duplicateDelivery")
CARTS: Final = (("sim",), ("vpn",), ("internet",), ("sim", "vpn"), ("sim", "internet", "vpn"))
LATEST_SECONDS: Final = 2.0
"""The longest a late effect takes: shorter than billing's local quiet period, on which a sign-up rests alone."""
LATEST_ORDER_SECONDS: Final = 6.0
"""The same for AddOrder: longer than the quiet period, so that the winner rule is needed (§3 rules 6 and 7)."""
_LOCKED: Final = json.dumps([{"message": "unable to obtain exclusive access", "errorCode": "UNABLE_TO_LOCK_ROW"}])


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault rule of the sandbox and when it is armed; the first `skip` matching calls pass."""

    moment: Moment
    vendor: str
    call: str
    kind: str
    skip: int
    times: int
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Death:
    """A kill -9, so many seconds after a moment, and how long it stays down."""

    moment: Moment
    after: float
    process: str
    down: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """One drawn schedule; the same seed draws the same one."""

    seed: int
    carts: tuple[tuple[str, ...], ...]
    """One cart for each shopper."""
    unapproved: int | None
    """The shopper whose orders staff never approve."""
    faults: tuple[Fault, ...]
    deaths: tuple[Death, ...]
    quirks: tuple[str, ...]
    expired_sessions: tuple[Moment, ...]
    """When all of Salesforce's access tokens become invalid."""

    @property
    def loses_mails(self) -> bool:
        """Whether a mail may rightly be missing: a mail is sent at most once."""
        return any(fault.vendor == "sendgrid" for fault in self.faults) or any(
            death.process in {"notifications", "Postgres"} for death in self.deaths
        )


def draw_schedule(seed: int) -> Schedule:
    """Draw 1–4 shoppers with 1–3 services each, 0–6 faults, 0–2 deaths and the Flow's quirks."""
    chance = random.Random(seed)  # noqa: S311 - the same seed must draw the same schedule
    carts = tuple(chance.choice(CARTS) for _ in range(chance.choice((1, 1, 2, 3, 4))))
    has_unapproved = len(carts) > 1 and chance.random() < 0.2  # noqa: PLR2004 - a share
    return Schedule(
        seed=seed,
        carts=carts,
        unapproved=chance.randrange(len(carts)) if has_unapproved else None,
        faults=tuple(_fault(chance) for _ in range(chance.choice((0, 1, 2, 3, 4, 5, 6, 6, 6)))),
        deaths=tuple(_death(chance) for _ in range(chance.choice((0, 1, 1, 2)))),
        quirks=tuple(quirk for quirk in QUIRKS if chance.random() < 0.25),  # noqa: PLR2004 - a share
        expired_sessions=tuple(moment for moment in MOMENTS if chance.random() < 0.15),  # noqa: PLR2004 - a share
    )


def _moment(chance: random.Random) -> Moment:
    return chance.choices(MOMENTS, (1, 2, 5))[0]


def _death(chance: random.Random) -> Death:
    return Death(_moment(chance), chance.uniform(0, 3), chance.choice(PROCESSES), chance.uniform(0, 1.5))


def _fault(chance: random.Random) -> Fault:
    moment = _moment(chance)
    vendors = tuple(CALLS[moment])
    vendor = chance.choices(vendors, [WEIGHTS[name] for name in vendors])[0]
    call = chance.choice(CALLS[moment][vendor])
    kind, params = _kind(chance, vendor)
    if kind == "late" and call == "AddOrder":
        params["seconds"] = round(chance.uniform(1, LATEST_ORDER_SECONDS), 2)
    times = chance.choice((1, 1, 1, 2, 3))
    return Fault(moment, vendor, call, kind, chance.choice((0, 0, 0, 0, 1, 3)), times, params)


def _kind(chance: random.Random, vendor: str) -> tuple[str, dict[str, Any]]:
    drawn: list[tuple[str, dict[str, Any]]] = [
        ("refused", {}),
        ("before_effect", {"seconds": round(chance.uniform(0.2, 3), 2)}),
        ("after_effect", {}),
        ("after_effect", {}),
        ("late", {"seconds": round(chance.uniform(0.2, LATEST_SECONDS), 2)}),
        ("slow", {"seconds": round(chance.uniform(0.2, 4), 2)}),
        ("malformed", {}),
        ("html", {}),
        ("empty", {}),
        ("status", {"status": 503, "body": "down"}),
        ("status", {"status": 504, "body": "<html>gateway timeout</html>", "effect": True}),
        ("status", {"status": 429, "body": "slow down", "headers": {"Retry-After": "3"}}),
    ]
    if vendor == "salesforce":
        drawn.append(("status", {"status": 400, "body": _LOCKED}))
    return chance.choice(drawn)
