"""The org's Order Approval Flow: a record-triggered Flow after the save, inside its transaction.

Requirements R113, R143-R151, C20. It fires when Status becomes Approved or Activation_Status__c becomes Activating,
clears the error fields, sets Activating and publishes OrderProvisionRequested__e with a new IdemKey__c each time.
"""

import uuid

from portal_sandbox.core import Clock
from portal_sandbox.salesforce.ids import PORTAL_USER_ID, SHORT_LENGTH
from portal_sandbox.salesforce.objects_orders import PROVISION_EVENT
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.switches import SalesforceSwitches
from portal_sandbox.salesforce.transaction import Transaction

APPROVED = "Approved"
ACTIVATING = "Activating"


class ApprovalFlow:
    """Runs after every save; `flowSelfTrigger` says whether its own and the portal's write of Activating fire it."""

    def __init__(self, switches: SalesforceSwitches, clock: Clock) -> None:
        self._switches = switches
        self._clock = clock

    def __call__(self, transaction: Transaction, entity: str, before: Record | None, record: Record) -> None:
        """Publishes and writes back when the entry condition became true by this save."""
        if entity != "Order" or not self._switches.flow_enabled or not self._fires(transaction, before, record):
            return
        order = transaction.schema.objects["Order"]
        moment = self._clock.now()
        order_id = record["Id"][:SHORT_LENGTH] if self._switches.flow_short_ids else record["Id"]
        copies = int(self._switches.number("flowCopies"))
        transaction.flow_depth += 1
        values = {
            "Activation_Status__c": ACTIVATING,
            "Activation_Error__c": None,
            "Activation_Error_DateTime__c": None,
        }
        if order.find("Activation_Error_Code__c"):
            values["Activation_Error_Code__c"] = None
        transaction.update(order, record["Id"], values, system=True)
        transaction.flow_depth -= 1
        event = {
            "OrderId__c": None if self._switches.is_on("flowOmitsOrderId") else order_id,
            "CorrelationId__c": record.get("Trace_Id__c") or str(uuid.uuid4()),
            "RequestedBy__c": transaction.caller.username,
            "Version__c": self._switches.number("flowEventVersion"),
        }
        for copy in range(copies):
            mark = f"-{copy}" if copy and self._switches.is_on("flowCopiesDiffer") else ""
            transaction.publish(PROVISION_EVENT, {**event, "IdemKey__c": f"{order_id}-{moment.isoformat()}{mark}"})

    def _fires(self, transaction: Transaction, before: Record | None, record: Record) -> bool:
        earlier = before or {}
        if record["Status"] == APPROVED and earlier.get("Status") != APPROVED:
            return True
        if record["Activation_Status__c"] != ACTIVATING or earlier.get("Activation_Status__c") == ACTIVATING:
            return False
        own_write = transaction.flow_depth > 0 or transaction.caller.user_id == PORTAL_USER_ID
        return self._switches.flow_self_trigger or not own_write
