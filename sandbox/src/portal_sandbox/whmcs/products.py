"""GetProducts: the catalogue as the order form shows it."""

from portal_sandbox.whmcs.billing_cycles import PRICE_KEYS
from portal_sandbox.whmcs.calls import Answer, Call, Listing, Row, Text, money
from portal_sandbox.whmcs.config_options import product_options

_NOT_OFFERED = "-1.00"


def get_products(call: Call) -> Answer:
    """GetProducts by pid (one or a comma list), group or module. Admin-only custom fields are not shown here."""
    params = call.params
    retired = call.listed("missingProducts")
    rows = [row for row in call.all("SELECT * FROM whmcs_product ORDER BY pid") if row["pid"] not in retired]
    if params.text("pid"):
        wanted = {part.strip() for part in params.text("pid").split(",")}
        rows = [row for row in rows if str(row["pid"]) in wanted]
    if params.whole("gid"):
        rows = [row for row in rows if row["gid"] == params.whole("gid")]
    if params.text("module"):
        rows = [row for row in rows if row["module"] == params.text("module")]
    return {"totalresults": len(rows), "products": Listing("product", [_described(call, row) for row in rows])}


def offered_cycles(product: Row) -> tuple[str, ...]:
    """Request forms of the cycles a product can be ordered with."""
    return (product["cycle"],)


def _described(call: Call, row: Row) -> Answer:
    slug = str(row["name"]).lower().replace(" ", "-")
    fields = call.all(
        "SELECT * FROM whmcs_custom_field WHERE type = 'product' AND relid = ? AND admin_only = 0 ORDER BY id",
        row["pid"],
    )
    return {
        "pid": row["pid"],
        "gid": row["gid"],
        "type": "other",
        "name": Text(row["name"]),
        "slug": slug,
        "product-url": f"{call.whmcs.address()}/index.php?rp=/store/{row['gid']}/{slug}",
        "description": Text(row["description"]),
        "module": row["module"],
        "paytype": row["paytype"],
        "allowqty": 0,
        "quantity_available": 0,
        "pricing": {} if row["pid"] in call.listed("unpricedProducts") else {"JPY": _prices(row)},
        "customfields": Listing(
            "customfield",
            [
                {
                    "id": field["id"],
                    "name": Text(field["name"]),
                    "description": "",
                    "required": "on" if field["required"] else "",
                }
                for field in fields
            ],
        ),
        "configoptions": product_options(call, row["pid"]),
    }


def _prices(row: Row) -> Answer:
    # A one-time price stands in the monthly column.
    column = "monthly" if row["cycle"] == "onetime" else row["cycle"]
    prices: Answer = {"prefix": "¥", "suffix": " JPY"}
    prices |= {f"{key[0]}setupfee": "0.00" for key in PRICE_KEYS}
    return prices | {key: money(row["price"]) if key == column else _NOT_OFFERED for key in PRICE_KEYS}
