"""Orders, days and moments in the words of a mail's language."""

from datetime import date, datetime
from typing import Any, Final

from portal_chassis.clocks import TOKYO
from portal_contracts.orders import OrderMail
from portal_contracts.values import Locale

MOMENTS: Final = {"ja": "%Y年%m月%d日 %H:%M", "en": "%Y-%m-%d %H:%M (Japan time)"}
DAYS: Final = {"ja": "%Y年%m月%d日", "en": "%Y-%m-%d"}


def a_moment(moment: datetime, locale: Locale) -> str:
    """Write a moment in Japan's time."""
    return moment.astimezone(TOKYO).strftime(MOMENTS[locale])


def a_day(day: date, locale: Locale) -> str:
    """Write a day."""
    return day.strftime(DAYS[locale])


def order_facts(order: OrderMail, locale: Locale) -> dict[str, Any]:
    """Give what a mail says of an order; amounts are yen, tax included."""

    def spoken(text: Any) -> str:
        return str(getattr(text, locale))

    return {
        "order_number": order.order_number,
        "service": spoken(order.name),
        "items": [
            {
                "name": " ".join([spoken(item.name), *(f"({chosen})" for chosen in item.options.values())]),
                "quantity": item.quantity,
                "price": f"¥{item.unit_price * item.quantity:,}",
            }
            for item in order.items
        ],
        "monthly": f"¥{order.monthly:,}",
        "one_time": f"¥{order.one_time:,}",
        "rejection": spoken(order.rejection) if order.rejection else "",
    }
