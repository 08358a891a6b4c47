"""The org's optional Eligibility Update Flow: an e-mail alert to the customer (R158, R196)."""

from portal_sandbox.core import Core
from portal_sandbox.core.letters import Letter
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.switches import VENDOR, SalesforceSwitches
from portal_sandbox.salesforce.transaction import Transaction

ELIGIBILITY_FIELDS = ("Internet_Eligibility_Status__c", "Internet_Eligibility__c")
ALERT_SENDER = "alerts@org.sandbox.invalid"


class EligibilityUpdateFlow:
    """After an account's save; ledger `salesforce.flow.eligibility_updated`, key: account id."""

    def __init__(self, core: Core, switches: SalesforceSwitches) -> None:
        self._core = core
        self._switches = switches

    def __call__(self, transaction: Transaction, entity: str, before: Record | None, record: Record) -> None:
        """Writes to the account's contacts when the result or its state changed."""
        if entity != "Account" or before is None or not self._switches.is_on("eligibilityFlow"):
            return
        changed = {name: record[name] for name in ELIGIBILITY_FIELDS if before.get(name) != record.get(name)}
        if not changed:
            return
        contacts = transaction.children("Contact", "AccountId", record["Id"])
        letter = Letter(
            sender=ALERT_SENDER,
            to=tuple(contact["Email"] for contact in contacts if contact["Email"]),
            subject="Internet availability at your address インターネット提供判定のお知らせ",
            text=_text(record),
        )
        if letter.to:
            for keep in self._core.letterboxes:
                keep(transaction.db, letter)
        self._core.ledger.record(
            transaction.db,
            vendor=VENDOR,
            kind="salesforce.flow.eligibility_updated",
            key=record["Id"],
            caller=transaction.caller.username,
            detail={"changed": changed, "to": letter.to, "subject": letter.subject},
        )


def _text(account: Record) -> str:
    result = account.get("Internet_Eligibility__c") or "–"
    return (
        f"{account['Name']} 様\n\nインターネット提供判定が更新されました: {result}\n\n"
        f"The Internet availability check for your address was updated: {result}\n"
    )
