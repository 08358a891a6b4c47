"""The ids of WHMCS's custom fields, which differ from installation to installation."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from portal_contracts.problems import Misconfigured

FieldId = Annotated[int, Field(ge=1)]


class ProductFields(BaseModel):
    """The fields of one product."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    marker: FieldId | None = Field(default=None, description="Admin-only: Salesforce order id and line (C07)")
    eid: FieldId | None = None
    phone: FieldId | None = None
    iccid: FieldId | None = None


class WhmcsFields(BaseModel):
    """Every custom field the portal reads or writes. A product that is not listed has no marker: it cannot be sold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_number: FieldId = Field(description="Client field that holds the Customer Number")
    products: Mapping[int, ProductFields]

    def product(self, product_id: int) -> ProductFields:
        """Give a product's fields; none for a product that is not listed."""
        return self.products.get(product_id, _NONE)


_NONE: Final = ProductFields()


def load_fields(path: Path) -> WhmcsFields:
    """Read the TOML file. Raises Misconfigured when it is missing or wrong: orders must never go without marker."""
    try:
        return WhmcsFields.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": f"{path.name}: {type(error).__name__}"}) from error
