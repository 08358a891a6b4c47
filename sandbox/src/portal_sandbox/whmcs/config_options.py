"""Configurable options of products, as the switch `configOptions` lists them: `<pid>:<option>=<value>`, comma list.

An order that leaves an option out gets its first value, and ids that the product does not have are ignored, as WHMCS
does without a word.
"""

import re
from collections.abc import Mapping

from portal_sandbox.whmcs.calls import Answer, Call, Listing, Text
from portal_sandbox.whmcs.php_serialize import decode_field_map

_ENTRY = re.compile(r"(\d+):(\d+)=(\d+)")


def options_of(call: Call, pid: int) -> Mapping[int, list[int]]:
    """The ids of a product's options, each with those of its values."""
    found: dict[int, list[int]] = {}
    for owner, option, value in _ENTRY.findall(str(call.whmcs.switch("configOptions"))):
        if int(owner) == pid:
            found.setdefault(int(option), []).append(int(value))
    return found


def sent_options(call: Call, encoded: str, pid: int) -> dict[int, int]:
    """What AddOrder's `configoptions` of one product comes to."""
    sent = {option: str(value) for option, value in decode_field_map(encoded).items()}
    offered = options_of(call, pid).items()
    return {
        option: next((value for value in values if sent.get(option) == str(value)), values[0])
        for option, values in offered
    }


def save_options(call: Call, chosen: Mapping[int, int], service_id: int) -> None:
    """Stores a service's options."""
    for option, value in chosen.items():
        call.db.execute("INSERT OR REPLACE INTO whmcs_config_value VALUES (?, ?, ?)", (option, service_id, value))


def product_options(call: Call, pid: int) -> Listing:
    """A product's options as GetProducts tells them; they are free of charge."""
    return Listing(
        "configoption",
        [
            {
                "id": option,
                "name": Text(f"Option {option}"),
                "type": "1",
                "options": Listing(
                    "option", [{"id": value, "name": Text(f"Value {value}"), "rawName": ""} for value in values]
                ),
            }
            for option, values in options_of(call, pid).items()
        ],
    )


def service_options(call: Call, service_id: int) -> Listing:
    """A service's options as GetClientsProducts tells them."""
    rows = call.all("SELECT * FROM whmcs_config_value WHERE service_id = ? ORDER BY option_id", service_id)
    return Listing("configoption", [_described(row["option_id"], row["value_id"]) for row in rows])


def _described(option: int, value: int) -> Answer:
    return {
        "id": str(option),
        "option": Text(f"Option {option}"),
        "type": "dropdown",
        "value": Text(f"Value {value}"),
    }
