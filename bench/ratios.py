"""From the rows of all rounds to the ratios of architecture §11."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from measure_catalog import HIT, MISS, NOT_MODIFIED
from measure_slow import OURS
from peers import FASTAPI, NEST

Row = Mapping[str, Any]
CPU: Final = "cpuMicroseconds"
RATE: Final = "requestsPerSecond"


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure beside its floor: the median of the rounds, and their extremes. `at_most` says which way is good."""

    name: str
    value: float
    lowest: float
    highest: float
    floor: float | None
    ambition: float | None
    at_most: bool
    rounds: int

    @property
    def verdict(self) -> str:
        """Whether the median holds the floor; nothing where there is none."""
        if self.floor is None:
            return ""
        if self.ambition is not None and self._holds(self.ambition):
            return "ambition"
        return "holds" if self._holds(self.floor) else "MISSED"

    def _holds(self, bound: float) -> bool:
        return self.value <= bound if self.at_most else self.value >= bound


def within_rounds(rows: Sequence[Row], ours: str, theirs: str, figure: Callable[[Row], float]) -> list[float]:
    """Divide figures of the same round only: the machine's speed changes from minute to minute."""
    mine = {row["round"]: figure(row) for row in rows if row["variant"] == ours}
    others = {row["round"]: figure(row) for row in rows if row["variant"] == theirs}
    return [mine[number] / others[number] for number in mine if number in others]


def ratio(
    name: str, values: Iterable[float], *, floor: float | None = None, ambition: float | None = None, at_most: bool
) -> list[Ratio]:
    """Summarise the rounds; nothing when there was none (no peers)."""
    found = sorted(values)
    if not found:
        return []
    median = statistics.median(found)
    return [Ratio(name, median, found[0], found[-1], floor, ambition, at_most, len(found))]


def of_catalog(rows: Sequence[Row]) -> list[Ratio]:
    """CPU, throughput and memory of signed-in GET /catalog."""
    n2, p1 = NEST.label, FASTAPI.label

    def cpu(row: Row) -> float:
        return float(row[CPU])

    def rate(row: Row) -> float:
        return float(row[RATE])

    return [
        *ratio("CPU a request, to N2", within_rounds(rows, MISS, n2, cpu), floor=0.60, ambition=0.35, at_most=True),
        *ratio("CPU a request, to P1", within_rounds(rows, MISS, p1, cpu), floor=0.50, ambition=0.30, at_most=True),
        *ratio("req/s on one core, to N2", within_rounds(rows, MISS, n2, rate), floor=1.7, ambition=3.0, at_most=False),
        *ratio(
            "CPU of a hit, to our miss", within_rounds(rows, HIT, MISS, cpu), floor=0.5, ambition=0.38, at_most=True
        ),
        *ratio(
            "CPU of a 304, to our miss",
            within_rounds(rows, NOT_MODIFIED, MISS, cpu),
            floor=0.45,
            ambition=0.30,
            at_most=True,
        ),
        *ratio(
            "memory of the gateway, to N2's",
            within_rounds(rows, MISS, n2, lambda row: row["residentMegabytes"]["gateway"]),
            floor=0.75,
            ambition=0.60,
            at_most=True,
        ),
        *ratio(
            "memory of catalog, to N2's service",
            within_rounds(rows, MISS, n2, _service_memory),
            floor=0.75,
            ambition=0.40,
            at_most=True,
        ),
    ]


def of_slow(rows: Sequence[Row]) -> list[Ratio]:
    """Throughput with a backend that takes 50 ms."""

    def rate(row: Row) -> float:
        return float(row[RATE])

    ideal = [row["ofIdeal"] for row in rows if row["variant"] == OURS]
    return [
        *ratio(
            "50 ms backend, req/s to N2",
            within_rounds(rows, OURS, NEST.label, rate),
            floor=0.8,
            ambition=1.0,
            at_most=False,
        ),
        *ratio("50 ms backend, req/s to the ideal", ideal, floor=0.6, ambition=0.85, at_most=False),
    ]


def of_outbox(rows: Sequence[Row]) -> list[Ratio]:
    """How much of what is recorded is taken in the same time."""
    return ratio("outbox, drained of written", [row["ratio"] for row in rows], floor=0.85, ambition=0.97, at_most=False)


def of_startup(rows: Sequence[Row]) -> list[Ratio]:
    """Seconds to ready, the best of each process; "well under a second" is read as at most 0.8."""
    found = [row["bestReadySeconds"] for row in rows if "bestReadySeconds" in row]
    return ratio("seconds to ready, each process", found, floor=0.8, ambition=None, at_most=True)


def as_json(one: Ratio) -> dict[str, Any]:
    """Give the form that is kept."""
    return {
        "name": one.name,
        "median": one.value,
        "lowest": one.lowest,
        "highest": one.highest,
        "rounds": one.rounds,
        "floor": one.floor,
        "ambition": one.ambition,
        "atMost": one.at_most,
        "verdict": one.verdict,
    }


def _service_memory(row: Row) -> float:
    figures = row["residentMegabytes"]
    return float(figures["catalog"] if "catalog" in figures else figures["service"])
