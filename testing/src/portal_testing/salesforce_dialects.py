"""The two wordings and spellings of Salesforce orgs that the whole portal is tested on (C02, C03, C05).

Where optional fields are missing (C17) is the ports' affair: without them a portal sells less, so a journey has no
meaning there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DIALECT_VARIABLE: Final = "TEST_SALESFORCE_DIALECT"


@dataclass(frozen=True, slots=True)
class SalesforceDialect:
    """How staff and tests find an org's texts and fields; `name` is SF_DIALECT's."""

    name: str
    completed: str
    not_started: str
    activated: str
    product_id_field: str
    commodity_field: str

    def overrides(self) -> Mapping[str, str]:
        """Give the settings of a portal whose org, the sandbox's, is like that."""
        switches = {
            "dialect": self.name,
            "productIdField": self.product_id_field,
            "commodityField": self.commodity_field,
        }
        return {"SF_DIALECT": self.name, "SANDBOX_SWITCHES": json.dumps({"salesforce": switches})}


DIALECTS: Final = {
    one.name: one
    for one in (
        SalesforceDialect(
            name="2025-12",
            completed="Activated",
            not_started="Pending Review",
            activated="Provisioned",
            product_id_field="WH_Product_ID__c",
            commodity_field="CommodityType",
        ),
        SalesforceDialect(
            name="2025-08",
            completed="Completed",
            not_started="Not Started",
            activated="Activated",
            product_id_field="WHMCS_Product_Id__c",
            commodity_field="CommodityType__c",
        ),
    )
}
DEFAULT: Final = "2025-12"
