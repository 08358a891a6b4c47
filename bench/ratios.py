"""From the rows of all rounds to the ratios of architecture §11."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from load import QUIET
from measure_catalog import HIT, MISS, NOT_MODIFIED
from measure_slow import OURS
from peers import FASTAPI, NEST

Row = Mapping[str, Any]
Figure = Callable[[Row], float]
WELL_UNDER_A_SECOND: Final = 0.8


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the architecture asks for at least, and what it hopes for; `at_most` says which way is good."""

    at_most: bool
    floor: float
    ambition: float | None = None

    def verdict(self, value: float) -> str:
        """Say in a word how a value stands."""
        if self.ambition is not None and self._holds(value, self.ambition):
            return "ambition"
        return "holds" if self._holds(value, self.floor) else "MISSED"

    def _holds(self, value: float, bound: float) -> bool:
        return value <= bound if self.at_most else value >= bound


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure: the median of the rounds that count, their extremes, and best divided by best."""

    name: str
    values: tuple[float, ...]
    of_best: float
    rounds: int
    bounds: Bounds

    @property
    def median(self) -> float:
        """The figure that is judged."""
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        """Whether the median holds the floor."""
        return self.bounds.verdict(self.median)


def is_quiet(row: Row) -> bool:
    """Whether the window was ours: other programs took little of the core."""
    return bool(row.get("coreTakenByOthers", 0.0) <= QUIET)


def compare(name: str, rows: Sequence[Row], pair: tuple[str, str], figure: Figure, bounds: Bounds) -> list[Ratio]:
    """Divide figures of a pair of variants in the same round: the machine's speed changes from minute to minute.

    Rounds in which somebody else was busy on the core are left out, unless all were. Nothing without peers.
    """
    mine, others = ({row["round"]: row for row in rows if row["variant"] == variant} for variant in pair)
    pairs = [(mine[number], others[number]) for number in mine if number in others]
    if not pairs:
        return []
    quiet = [pair for pair in pairs if all(is_quiet(row) for row in pair)]
    values = sorted(figure(one) / figure(other) for one, other in quiet or pairs)
    best = min if bounds.at_most else max
    of_best = best(figure(row) for row in mine.values()) / best(figure(row) for row in others.values())
    return [Ratio(name, tuple(values), of_best, len(pairs), bounds)]


def alone(name: str, values: Sequence[float], bounds: Bounds) -> list[Ratio]:
    """Judge a figure that is compared with nobody."""
    if not values:
        return []
    best = min(values) if bounds.at_most else max(values)
    return [Ratio(name, tuple(sorted(values)), best, len(values), bounds)]


def _cpu(row: Row) -> float:
    return float(row["cpuMicroseconds"])


def _rate(row: Row) -> float:
    return float(row["requestsPerSecond"])


def _gateway_memory(row: Row) -> float:
    return float(row["residentMegabytes"]["gateway"])


def _service_memory(row: Row) -> float:
    figures = row["residentMegabytes"]
    return float(figures["catalog"] if "catalog" in figures else figures["service"])


def _at_most(floor: float, ambition: float) -> Bounds:
    return Bounds(at_most=True, floor=floor, ambition=ambition)


def _at_least(floor: float, ambition: float) -> Bounds:
    return Bounds(at_most=False, floor=floor, ambition=ambition)


def of_catalog(rows: Sequence[Row]) -> list[Ratio]:
    """CPU, throughput and memory of signed-in GET /catalog."""
    n2, p1 = NEST.label, FASTAPI.label
    wanted: tuple[tuple[str, tuple[str, str], Figure, Bounds], ...] = (
        ("CPU a request, to N2", (MISS, n2), _cpu, _at_most(0.60, 0.35)),
        ("CPU a request, to P1", (MISS, p1), _cpu, _at_most(0.50, 0.30)),
        ("req/s on one core, to N2", (MISS, n2), _rate, _at_least(1.7, 3.0)),
        ("CPU of a hit, to our miss", (HIT, MISS), _cpu, _at_most(0.50, 0.38)),
        ("CPU of a 304, to our miss", (NOT_MODIFIED, MISS), _cpu, _at_most(0.45, 0.30)),
        ("memory, gateway to N2's", (MISS, n2), _gateway_memory, _at_most(0.75, 0.60)),
        (
            "memory, catalog to N2's service",
            (MISS, n2),
            _service_memory,
            _at_most(0.75, 0.40),
        ),
    )
    return [found for one in wanted for found in compare(one[0], rows, *one[1:])]


def of_slow(rows: Sequence[Row]) -> list[Ratio]:
    """Throughput with a backend that takes 50 ms."""
    mine = [row for row in rows if row["variant"] == OURS]
    counted = [row["ofIdeal"] for row in mine if is_quiet(row)] or [row["ofIdeal"] for row in mine]
    return [
        *compare(
            "50 ms backend, req/s to N2",
            rows,
            (OURS, NEST.label),
            _rate,
            _at_least(0.8, 1.0),
        ),
        *alone("50 ms backend, of the ideal", counted, _at_least(0.6, 0.85)),
    ]


def of_outbox(rows: Sequence[Row]) -> list[Ratio]:
    """How much of what is recorded is taken in the same time."""
    bounds = _at_least(0.85, 0.97)
    return alone("outbox, drained of written", [row["ratio"] for row in rows], bounds)


def of_startup(rows: Sequence[Row]) -> list[Ratio]:
    """Seconds to ready, the best of each process."""
    found = [row["bestReadySeconds"] for row in rows if "bestReadySeconds" in row]
    return alone("seconds to ready, each process", found, Bounds(at_most=True, floor=WELL_UNDER_A_SECOND))


def of_vendor_slow(rows: Sequence[Row]) -> list[Ratio]:
    """How little a slow vendor slows whoever does not need it, and how soon whoever does is answered."""
    return [
        *alone("slow WHMCS, p99 of the others", [row["slowed"] for row in rows], _at_most(1.2, 1.05)),
        *alone("slow WHMCS, p99 with it, seconds", [row["needingP99Seconds"] for row in rows], _at_most(1.0, 0.9)),
    ]


def as_json(one: Ratio) -> dict[str, Any]:
    """Give the form that is kept."""
    return {
        "name": one.name,
        "median": one.median,
        "counted": one.values,
        "rounds": one.rounds,
        "bestToBest": one.of_best,
        "floor": one.bounds.floor,
        "ambition": one.bounds.ambition,
        "atMost": one.bounds.at_most,
        "verdict": one.verdict,
    }


def table(found: Sequence[Ratio]) -> str:
    """Give the table a person reads."""
    lines = [f"{'':33}{'median':>7}{'best':>7}   {'counted rounds':22}{'floor':>7}{'ambition':>10}"]
    for one in found:
        sign = "≤" if one.bounds.at_most else "≥"
        ambition = f"{sign}{one.bounds.ambition:.2f}" if one.bounds.ambition is not None else ""
        counted = f"{one.values[0]:.2f}–{one.values[-1]:.2f}, {len(one.values)} of {one.rounds}"
        floor = f"{sign}{one.bounds.floor:.2f}"
        lines.append(
            f"{one.name:33}{one.median:7.2f}{one.of_best:7.2f}   {counted:22}{floor:>7}{ambition:>10}  {one.verdict}"
        )
    return "\n".join(lines)
