"""When a number may be brought along (D09, freebit.md §8). No I/O."""

from dataclasses import dataclass
from datetime import date

from portal_contracts.orders import ProvisioningOrder
from portal_contracts.problems import Refused


@dataclass(frozen=True, slots=True)
class PortingRules:
    """What the operator asks of a reservation.

    `days_for_esim` and `days_for_card`: days the reservation must still be good on the day of the activation, that day
    included; a card travels by post. `one_stop`: whether the operator fetches reservations itself.
    """

    one_stop: bool = False
    days_for_esim: int = 2
    days_for_card: int = 10

    def check(self, order: ProvisioningOrder, on: date) -> None:
        """Check an order's number for an activation on a Japanese day.

        Refused PORTING_NOT_OFFERED, PORTING_DATA_MISSING or PORTING_TOO_SHORT; nothing for an order without one.
        """
        porting = order.porting
        if porting is None:
            return
        if porting.one_stop:
            if not self.one_stop:
                raise Refused("PORTING_NOT_OFFERED")
            return
        days, needed = porting.days_left(on), self.days_for_esim if order.esim else self.days_for_card
        if days is None or porting.reservation_number is None:
            raise Refused("PORTING_DATA_MISSING")
        if days < needed:
            raise Refused("PORTING_TOO_SHORT", facts={"days": max(days, 0), "needed": needed})
