"""What catalog needs of the org (R083-R087, R273): products and prices, to be read and never written."""

from typing import Final

from portal_salesforce.setup_needs import FLAG, MONEY, NUMBER_OR_TEXT, PICK, TEXT, TEXT_OR_PICK, FieldNeed, ObjectNeed

NEEDS: Final = (
    ObjectNeed(
        "Product2",
        "R",
        (
            FieldNeed("StockKeepingUnit", TEXT),
            FieldNeed("IsActive", FLAG),
            FieldNeed("product.whmcsProductId", NUMBER_OR_TEXT),
            FieldNeed("product.billingCycle", TEXT_OR_PICK, texts=("Monthly", "Annually", "One-time")),
            FieldNeed("product.itemClass", PICK, texts=("Service", "Activation", "Add-on")),
            FieldNeed("product.portalVisible", FLAG),
            FieldNeed("product.portalCategory", PICK, texts=("Internet", "SIM", "VPN")),
            FieldNeed("product.configOptions", TEXT, without="options of products"),
            FieldNeed("product.nameJa", TEXT, without="Japanese names of products"),
            FieldNeed("product.descriptionJa", TEXT, without="Japanese descriptions of products"),
            FieldNeed("product.eligibility", TEXT_OR_PICK, without="plans by kind of Internet line"),
        ),
    ),
    ObjectNeed("PricebookEntry", "R", (FieldNeed("UnitPrice", MONEY), FieldNeed("IsActive", FLAG))),
)
