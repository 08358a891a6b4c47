"""What operators do with the catalog."""

from typing import ClassVar

from portal_contracts.operators import OperatorCommand, OperatorOutcome, Permission


class ClearCatalog(OperatorCommand[OperatorOutcome]):
    """Read every product from Salesforce and every price from WHMCS anew, and drop what is kept of them (R092).

    What is on sale stays so until both have answered.
    """

    subject: ClassVar[str] = "catalog.cache.clear.v1"
    permission: ClassVar[Permission] = "catalog.act"
