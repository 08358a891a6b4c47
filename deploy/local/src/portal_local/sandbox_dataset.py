"""What the sandbox's dataset says about people to try and about its WHMCS's custom fields."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

_READY_GROUP: Final = "ready"
_UNMARKED: Final = "SIM-NOMARKER"


@dataclass(frozen=True)
class ReadyCustomer:
    """Somebody who can sign up: the Customer Number, the e-mail Salesforce has on file, and who it is."""

    number: str
    email: str
    name: str
    eligible_for: str


def _dataset() -> dict[str, Any]:
    text = (resources.files("portal_sandbox") / "seed" / "dataset.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def ready_customers() -> list[ReadyCustomer]:
    """The accounts without a portal user or WHMCS client."""
    return [
        ReadyCustomer(one["number"], one["email"], one["name"], one.get("eligible_for", ""))
        for one in _dataset()["accounts"]
        if one.get("group") == _READY_GROUP
    ]


def whmcs_fields() -> str:
    """WHMCS_FIELDS_PATH's content: the ids the sandbox gives its custom fields, by their documented rule."""
    lines = ["customer_number = 198", "", "[products]"]
    for product in _dataset()["products"]:
        number = int(product["pid"])
        if product["sku"] == _UNMARKED:
            continue
        ids = f"marker = {1000 + number}"
        if product["category"] == "SIM":
            ids += f", eid = {2000 + number}, phone = {3000 + number}, iccid = {4000 + number}"
        lines.append(f"{number} = {{ {ids} }}")
    return "\n".join(lines) + "\n"
