"""The rules a mutant switches off. A schedule runs with all of them on; a mutant is a copy with one changed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """What keeps the promise. Each field is read by one place of the simulation's wiring, named in the README."""

    inbox_is_unique: bool = True
    leases: bool = True
    fencing: bool = True
    quiet_period: bool = True
    send_deadline: bool = True
    all_pages: bool = True
    registered_winner: bool = True
    outbox_in_transaction: bool = True
    sweeper: bool = True
    earliest_on_a_lost_position: bool = True
    ids_are_normalised: bool = True
    read_before_acting: bool = True
