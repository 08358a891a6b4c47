"""Orders, days and moments in the words of a mail's language."""

from datetime import date, datetime
from typing import Any

from portal_chassis.clocks import TOKYO
from portal_contracts.orders import OrderItem, OrderMail
from portal_contracts.values import Locale


def a_moment(moment: datetime, locale: Locale) -> str:
    """Write a moment in Japan's time, which only readers of English need to be told."""
    there = moment.astimezone(TOKYO)
    return f"{a_day(there, locale)} {there:%H:%M}" + ("" if locale == "ja" else " (Japan time)")


def a_day(day: date, locale: Locale) -> str:
    """Write a day."""
    return f"{day.year}年{day.month}月{day.day}日" if locale == "ja" else f"{day.day} {day:%B} {day.year}"


def order_facts(order: OrderMail, locale: Locale) -> dict[str, Any]:
    """Give what a mail says of an order; amounts are yen, tax included."""

    def spoken(text: Any) -> str:
        return str(getattr(text, locale))

    def chosen(item: OrderItem, name: str) -> str:
        return spoken(item.option_labels[name]) if name in item.option_labels else item.options[name]

    return {
        "order_number": order.order_number,
        "service": spoken(order.name),
        "items": [
            {
                "name": " ".join([spoken(item.name), *(f"({chosen(item, name)})" for name in item.options)]),
                "quantity": item.quantity,
                "price": f"¥{item.unit_price * item.quantity:,}",
            }
            for item in order.items
        ],
        "monthly": f"¥{order.monthly:,}",
        "one_time": f"¥{order.one_time:,}",
        "rejection": spoken(order.rejection) if order.rejection else "",
    }
