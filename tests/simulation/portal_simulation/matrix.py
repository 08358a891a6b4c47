"""The fault matrix: each outside call, with each kind of fault, once and for ten minutes (reliability.md (b) §2).

A cell breaks one call and nothing else. `once` breaks one occurrence of it in one order, each occurrence in a cell of its
own; `for_ten_minutes` breaks every occurrence that long, for an order with a line and one without at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal
from zlib import crc32

from portal_simulation.bus import BusFault
from portal_simulation.expected_ends import LEGAL
from portal_simulation.invariants import Broken, broken_invariants
from portal_simulation.matrix_calls import BUS, CALLS, OutsideCall
from portal_simulation.matrix_faults import BUS_FAULTS, VENDOR_FAULTS, FaultKind
from portal_simulation.matrix_schedule import SWITCHES, CellSchedule, orders_of
from portal_simulation.play import PlacedOrder, Played, play
from portal_simulation.schedule import BusTrouble, Kind, Outage, VendorFault
