"""The Salesforce quirk switches, declared once and read by name."""

from portal_sandbox.core import Switches
from portal_sandbox.salesforce.dialect import Dialect
from portal_sandbox.salesforce.rights import Mistakes
from portal_sandbox.settings import SwitchValue

VENDOR = "salesforce"
GAP_TYPES = ("off", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW")
MAX_CHANGE_ENTITIES = 5

_DECLARATIONS: tuple[tuple[str, SwitchValue, str, tuple[SwitchValue, ...]], ...] = (
    ("dialect", "2025-12", "Wording of Status and Activation_Status__c.", ("2025-12", "2025-08")),
    (
        "productIdField",
        "WH_Product_ID__c",
        "Which Product2 field holds the WHMCS product id: a number, its text alias, or both.",
        ("WH_Product_ID__c", "WHMCS_Product_Id__c", "both"),
    ),
    (
        "commodityField",
        "CommodityType",
        "API name of the Opportunity's commodity picklist.",
        ("CommodityType", "CommodityType__c"),
    ),
    ("optionalOrderFields", True, "The org has scheduling, error code, SIM and MNP fields on Order.", (True, False)),
    ("snapshotFields", True, "The org has Billing_Cycle__c and Config_Options__c on OrderItem.", (True, False)),
    ("rightsMistakes", "", "Rights of the integration user given or taken, such as `Order-create,Account+delete`.", ()),
    (
        "fieldMistakes",
        "",
        "Fields set up wrongly, such as `Order.EID__c:hidden`; also readonly, ordinary, `type boolean`, `lacks Text`.",
        (),
    ),
    ("tokenLifetimeSeconds", 7200, "Lifetime of an access token (machine clock).", ()),
    ("tokenGeneration", 0, "Every change makes all tokens issued before invalid at once.", ()),
    ("tokenFormat", "opaque", "A 'jwt' token works for REST and is refused by Pub/Sub.", ("opaque", "jwt")),
    ("queryBatchSize", 2000, "Records per query page; the real minimum is 200, tests set less.", ()),
    ("dailyApiRequests", 100000, "Daily request limit; beyond it 403 REQUEST_LIMIT_EXCEEDED.", ()),
    ("flowEnabled", True, "The Order Approval Flow runs.", (True, False)),
    ("flowSelfTrigger", False, "The Flow's own and the portal's write of Activating fire it again.", (True, False)),
    ("flowShortIds", False, "OrderId__c holds the 15-character id.", (True, False)),
    ("flowCopies", 1, "How many events one run of the Flow publishes.", ()),
    ("flowCopiesDiffer", False, "Those copies have different IdemKey__c.", (True, False)),
    ("flowOmitsOrderId", False, "The Flow's event has no OrderId__c.", (True, False)),
    ("flowEventVersion", 1, "Version__c of the Flow's event.", ()),
    ("approvalRollsBack", False, "Saves that publish events publish them and are undone.", (True, False)),
    ("optionAScheduledPath", False, "At the activation date the org makes the signed call once.", (True, False)),
    ("optionAScheduledFlow", False, "Every 15 business minutes it calls for each order that is due.", (True, False)),
    ("flowClockSkewSeconds", 0, "How far the clock of both is ahead of business time, -300 to 300.", ()),
    ("eligibilityFlow", False, "A changed eligibility sends the customer an e-mail alert.", (True, False)),
    ("internetLineValidation", False, "A second Internet line for an account is refused.", (True, False)),
    ("publishBeforeCommit", False, "Platform events leave before the commit, even if it rolls back.", (True, False)),
    ("commitLagSeconds", 1, "How long the commit follows such an event.", ()),
    ("changeEvents", True, "Change Data Capture emits events.", (True, False)),
    (
        "changeEntities",
        "Account,Order,OrderItem,Product2,PricebookEntry",
        "Objects selected for change events, at most five, separated by commas.",
        (),
    ),
    ("changeGap", "off", "Change events lose their body and get this type.", GAP_TYPES),
    ("changeMerge", False, "Equal changes of one transaction become one event with several ids.", (True, False)),
    ("undecodableEvents", False, "Payloads of events published meanwhile are noise.", (True, False)),
    ("keepAliveSeconds", 30, "An idle stream with demand gets an empty response this often.", ()),
    ("idleCloseSeconds", 60, "A stream without demand is closed after this time.", ()),
    ("silentStall", False, "Streams stay open and deliver nothing.", (True, False)),
    ("duplicateDelivery", False, "Every event is delivered twice.", (True, False)),
    ("streamGeneration", 0, "Every change ends the streams that are open.", ()),
    ("replayGeneration", 0, "Every change makes all replay ids handed out before invalid.", ()),
    ("pubsubUnavailable", False, "Every Pub/Sub call ends with service.unavailable.", (True, False)),
    ("pubsubTokenCheck", "open", "'live' also ends running streams when their token dies.", ("open", "live")),
)


def declare(switches: Switches) -> None:
    """Makes the Salesforce switches known to the control API."""
    for name, default, meaning, choices in _DECLARATIONS:
        switches.declare(VENDOR, name, default, meaning, choices)


class SalesforceSwitches:
    """Typed reading of the switches."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    @property
    def dialect(self) -> Dialect:
        """The org's variant."""
        return Dialect(
            wording=self.text("dialect"),
            product_id_field=self.text("productIdField"),
            commodity_field=self.text("commodityField"),
            optional_order_fields=self.is_on("optionalOrderFields"),
            snapshot_fields=self.is_on("snapshotFields"),
        )

    @property
    def mistakes(self) -> Mistakes:
        """How the integration user's access differs from the permission set."""
        return Mistakes(self.text("rightsMistakes"), self.text("fieldMistakes"))

    @property
    def flow_enabled(self) -> bool:
        """The approval Flow runs."""
        return self.is_on("flowEnabled")

    @property
    def flow_self_trigger(self) -> bool:
        """The Flow's and the portal's own writes fire the Flow."""
        return self.is_on("flowSelfTrigger")

    @property
    def flow_short_ids(self) -> bool:
        """Events name orders by 15 characters."""
        return self.is_on("flowShortIds")

    @property
    def change_entities(self) -> tuple[str, ...]:
        """Objects selected for change events; more than five are cut, as an org could not select them."""
        names = tuple(name.strip() for name in self.text("changeEntities").split(",") if name.strip())
        return names[:MAX_CHANGE_ENTITIES]

    def is_on(self, name: str) -> bool:
        """A yes/no switch."""
        return self._switches.is_on(VENDOR, name)

    def text(self, name: str) -> str:
        """A text switch."""
        return self._switches.text(VENDOR, name)

    def number(self, name: str) -> float:
        """A number switch."""
        return self._switches.number(VENDOR, name)
