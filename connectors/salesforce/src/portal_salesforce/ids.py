"""Salesforce record ids: 18 characters inside the portal, whatever form they came in (reference salesforce.md 2.10)."""

from typing import Any, Final

from portal_contracts.values import SALESFORCE_ID_SHORT, long_salesforce_id

__all__ = ["KEY_PREFIXES", "is_id", "long_id", "long_id_or_none", "object_of", "short_id"]

KEY_PREFIXES: Final = {
    "001": "Account",
    "003": "Contact",
    "005": "User",
    "006": "Opportunity",
    "00D": "Organization",
    "01s": "Pricebook2",
    "01t": "Product2",
    "01u": "PricebookEntry",
    "500": "Case",
    "801": "Order",
    "802": "OrderItem",
}

long_id = long_salesforce_id
"""The 18-character form; ValueError for what is no id or whose checksum does not fit. Never sent unchecked (2.11)."""


def long_id_or_none(value: Any) -> str | None:
    """Give the 18-character form of what may be an id in foreign data; None when it is none."""
    try:
        return long_salesforce_id(value)
    except (ValueError, TypeError):
        return None


def is_id(value: Any, object_name: str | None = None) -> bool:
    """Say whether a value is an id, and of that object when one is named."""
    found = long_id_or_none(value)
    return found is not None and (object_name is None or object_of(found) == object_name)


def object_of(record_id: str) -> str | None:
    """Name the object an id belongs to; None for one the portal does not know."""
    return KEY_PREFIXES.get(record_id[:3])


def short_id(record_id: str) -> str:
    """Give the 15-character form, as people see it in Salesforce's address bar."""
    return long_salesforce_id(record_id)[:SALESFORCE_ID_SHORT]
