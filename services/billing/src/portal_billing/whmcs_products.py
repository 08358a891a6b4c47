"""WHMCS's catalogue: GetProducts (reference/whmcs.md 6.2)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from portal_billing.product import SoldProduct
from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import UNAVAILABLE, WhmcsApi
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_parse import BadAnswer, rows, text, whole, yen
from portal_chassis.logs import get_logger
from portal_contracts.catalog import BillingCycle
from portal_contracts.problems import TryLater

CURRENCY: Final = "JPY"
_ONE_TIME: Final = "onetime"
_RECURRING: Final[Mapping[BillingCycle, str]] = {"monthly": "monthly", "annually": "annually"}
_AT_A_TIME: Final = 50

_log = get_logger(__name__)


class WhmcsProducts:
    """The Products port on WHMCS."""

    def __init__(self, api: WhmcsApi, fields: WhmcsFields) -> None:
        self._api = api
        self._fields = fields

    async def read(self, product_ids: Sequence[int]) -> Mapping[int, SoldProduct]:
        """GetProducts with a comma list, some at a time."""
        wanted = sorted(set(product_ids))
        found: dict[int, SoldProduct] = {}
        for start in range(0, len(wanted), _AT_A_TIME):
            part = ",".join(str(product_id) for product_id in wanted[start : start + _AT_A_TIME])
            try:
                body = await self._api.read("GetProducts", {"pid": part})
                products = [self._product(row) for row in rows(body, "products", "product")]
            except (WhmcsRefusal, BadAnswer) as error:
                _log.error("WHMCS's products cannot be read", seen=str(error))
                raise TryLater(UNAVAILABLE) from error
            found.update({product.id: product for product in products if product.id in wanted})
        return found

    def _product(self, row: Mapping[str, Any]) -> SoldProduct:
        product_id = whole(row, "pid")
        pricing = row.get("pricing")
        prices = pricing.get(CURRENCY) if isinstance(pricing, Mapping) else None
        cycles: Mapping[BillingCycle, str] = _RECURRING
        if text(row, "paytype").casefold() == _ONE_TIME:
            cycles = {"one_time": "monthly"}  # a one-time price stands in the monthly column
        offered = _offered(prices, cycles) if isinstance(prices, Mapping) else {}
        return SoldProduct(
            id=product_id,
            has_marker=self._fields.product(product_id).marker is not None,
            prices={name: price for name, (price, _) in offered.items()},
            set_up_fees={name: fee for name, (_, fee) in offered.items()},
            options={whole(one, "id"): _values(one) for one in rows(row, "configoptions", "configoption")},
        )


def _values(option: Mapping[str, Any]) -> frozenset[int]:
    """Give the ids of what an option may be set to."""
    return frozenset(whole(one, "id") for one in rows(option, "options", "option"))


def _offered(prices: Mapping[str, Any], cycles: Mapping[BillingCycle, str]) -> dict[BillingCycle, tuple[int, int]]:
    """Give price and set-up fee of each cycle on offer; -1.00 means not offered."""
    found: dict[BillingCycle, tuple[int, int]] = {}
    for name, column in cycles.items():
        price = yen(prices, column, default=-1)
        if price >= 0:
            found[name] = (price, max(0, yen(prices, f"{column[0]}setupfee", default=0)))
    return found
