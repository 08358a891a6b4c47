"""The catalog for one customer."""

from typing import ClassVar

from portal_contracts.catalog import Catalog
from portal_contracts.message import CustomerQuery


class ListPersonalCatalog(CustomerQuery[Catalog]):
    """List what is on sale for the caller (R077, R080, R082).

    Plans of Internet lines staff did not find possible at the address are left out. While the customer cannot order
    Internet at all, its plans carry `notForYou` and the group a notice: INTERNET_ALREADY_ORDERED with a link to the
    line or order there is, NOT_ELIGIBLE, ELIGIBILITY_NOT_CHECKED, ELIGIBILITY_PENDING, or the problem that keeps the
    portal from knowing.
    """

    subject: ClassVar[str] = "catalog.product.list_personal.v1"
