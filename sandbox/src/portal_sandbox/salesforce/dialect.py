"""Which wording and which optional fields this org has (requirements 2.2, 2.3, C02, C03, C05, C17)."""

from dataclasses import dataclass

ORDER_STATUSES = {
    "2025-12": ("Draft", "Pending Review", "Approved", "Activated", "Cancelled"),
    "2025-08": ("Draft", "Pending Review", "Approved", "Completed", "Cancelled"),
}
ACTIVATED_STATUSES = frozenset({"Activated", "Completed"})
ACTIVATION_STATUSES = {
    "2025-12": ("Pending Review", "Activating", "Provisioned", "Failed"),
    "2025-08": ("Not Started", "Activating", "Activated", "Failed"),
}
OPPORTUNITY_STAGES = (
    "Introduction",
    "Ready",
    "Post Processing",
    "Active",
    "\N{WHITE UP-POINTING TRIANGLE}Cancelling",
    "\N{WHITE UP-POINTING TRIANGLE}Cancelled",
    "Void",
)
COMMODITY_TYPES = ("Personal SonixNet Home Internet", "Corporate SonixNet Home Internet", "SIM", "VPN")
PORTAL_SOURCES = ("Portal - Internet Eligibility Request", "Portal - Order Placement", "Sales - Manual")
REGISTRATION_SOURCES = ("Legacy", "Portal Signup", "Portal Checkout")
CASE_TYPES = ("Eligibility Check", "ID Verification", "Cancellation Request", "General Inquiry")
CASE_STATUSES = ("New", "Working", "Escalated", "Closed")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The org's variant, from the switches of the same names; a change of it changes the Avro schema ids too."""

    wording: str = "2025-12"
    product_id_field: str = "WH_Product_ID__c"
    commodity_field: str = "CommodityType"
    optional_order_fields: bool = True
    snapshot_fields: bool = True

    @property
    def order_statuses(self) -> tuple[str, ...]:
        """The restricted picklist of Order.Status."""
        return ORDER_STATUSES[self.wording]

    @property
    def activation_statuses(self) -> tuple[str, ...]:
        """The restricted picklist of Order.Activation_Status__c."""
        return ACTIVATION_STATUSES[self.wording]
