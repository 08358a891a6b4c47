"""What billing needs of a WHMCS installation, line by line (D07): the doctor's table, with the rights of its role."""

from collections.abc import Mapping
from typing import Final

from portal_billing.whmcs_wire import Value
from portal_chassis.setup_checks import Line

ADDRESS: Final = Line(
    "whmcs.address",
    "WHMCS takes calls from this machine's address (D07).",
    "Add the address to General Settings > Security > API IP Access Restriction (one line each, no ranges, IPv6 too), "
    "or set WHMCS_ACCESS_KEY to $api_access_key of configuration.php. A ban ends after 15 minutes.",
)
CREDENTIALS: Final = Line(
    "whmcs.credentials",
    "WHMCS knows the portal's API credential.",
    "Make an API credential in System Settings > API Credentials and set WHMCS_IDENTIFIER and WHMCS_SECRET.",
)
API_ACCESS: Final = Line(
    "whmcs.api_access",
    "The administrator behind the credential may use the API.",
    "Give the administrator's role the permission API Access.",
)
ACCESS: Final = (ADDRESS, CREDENTIALS, API_ACCESS)

ACTIONS: Final[Mapping[str, Mapping[str, Value]]] = {
    "WhmcsDetails": {},
    "GetCurrencies": {},
    "GetProducts": {"pid": "0"},
    "GetClientsDetails": {"clientid": 0},
    "GetUsers": {"search": "-", "limitnum": 1},
    "ValidateLogin": {"email": "", "password2": ""},
    "GetClientsProducts": {"limitnum": 1},
    "GetPayMethods": {"clientid": 0},
    "GetPaymentMethods": {},
    "GetInvoices": {"limitnum": 1},
    "GetInvoice": {"invoiceid": 0},
    "GetOrders": {"limitnum": 1},
    "GetModuleQueue": {},
    "AddClient": {},
    "UpdateClient": {},
    "CreateSsoToken": {},
    "AddOrder": {},
    "AcceptOrder": {"orderid": 0},
    "CancelOrder": {"orderid": 0},
    "UpdateClientProduct": {"serviceid": 0},
    "UpdateInvoice": {"invoiceid": 0},
    "CreateInvoice": {"userid": 0},
    "AddCancelRequest": {"serviceid": 0},
    "ModuleTerminate": {"serviceid": 0},
    "UpgradeProduct": {"serviceid": 0, "calconly": True},
}
"""Every action the portal uses (and GetCurrencies, the doctor alone), with parameters that can have no effect."""
NEVER: Final = ("DeleteClient", "DeleteOrder", "DecryptPassword")
"""Actions the portal never uses and whose grant would do harm. Without parameters they do nothing."""

LEAST_RIGHTS: Final = Line(
    "whmcs.least_rights",
    "The credential's role grants nothing dangerous that the portal does not use (D07).",
    "Give the credential an API role of its own with exactly the actions of the lines above.",
)
YEN: Final = Line("whmcs.currency", "WHMCS bills in yen.", "Add the currency JPY in System Settings > Currencies.")
GATEWAY: Final = Line(
    "whmcs.gateway",
    "The gateway new orders are billed by is active.",
    "Activate it in System Settings > Payment Gateways, or set WHMCS_PAYMENT_METHOD to its system name.",
)
CLIENT_FIELD: Final = Line(
    "whmcs.client_field.customer_number",
    "Clients have the custom field Customer Number.",
    "Make it in System Settings > Custom Client Fields (admin only) and put its id into the file of WHMCS_FIELDS_PATH.",
)
MARKER: Final = Line(
    "product.whmcs_marker_field",
    "Orders of the product can carry the Salesforce order id (C07).",
    "Add the admin-only text field to the product's Custom Fields in WHMCS, its id to the file of WHMCS_FIELDS_PATH.",
)
CREATED_ONCE: Final = Line(
    "product.created_once",
    "The product was created once through the API as a test (R302).",
    "Order it once as a test customer, approve the order in Salesforce, see it become active, then cancel it in WHMCS.",
)


def action_line(action: str) -> Line:
    """Give the line of one action."""
    return Line(
        f"whmcs.action.{action}",
        f"The credential's role allows {action}.",
        f"Tick {action} in the API role of the portal's credential (System Settings > API Roles).",
    )


def product_line(product_id: int) -> Line:
    """Give the line of a product that the fields file maps."""
    return Line(
        f"whmcs.product.{product_id}",
        f"WHMCS product {product_id} exists, has a price in yen, and its marker field.",
        "Mend the product in System Settings > Products/Services, or its row in the file of WHMCS_FIELDS_PATH.",
    )
