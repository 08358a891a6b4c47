"""The operators' command that builds the read model of orders anew from Salesforce."""

from typing import ClassVar

from portal_contracts.operators import OperatorCommand, OperatorOutcome, Permission


class RebuildOrders(OperatorCommand[OperatorOutcome]):
    """Read every order again from Salesforce into the portal's own rows; harmless at any time.

    What only the portal knows (timelines, checkout traces) stays. Slowed by SALESFORCE_UNAVAILABLE.
    """

    subject: ClassVar[str] = "orders.read_model.rebuild.v1"
    permission: ClassVar[Permission] = "drift.act"
