"""Account and Contact in Salesforce (reference salesforce.md 3.2, R027-R030, R305). Their names occur here alone."""

from hashlib import sha256
from typing import Any

from portal_contracts.identity import SignupForm
from portal_contracts.values import comparable_email
from portal_identity.ports import AccountOnFile, ContactOnFile
from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.dialect import DialectSource

MOST_CONTACTS = 200


class SalesforceAccounts:
    """The `Accounts` port on a Salesforce org."""

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce
        self._dialect = DialectSource(salesforce, "Account", "Contact")

    async def find(self, customer_number: str) -> AccountOnFile | None:
        """Query by Customer Number, then the account's contacts."""
        dialect = await self._dialect.current()
        client_field = dialect.field("account.whmcsClientId")
        number_field = dialect.field("account.customerNumber")
        statement = soql.select("Account", "Id", "Name", "BillingPostalCode", client_field)
        account = await self._salesforce.query_one(statement.where(soql.equals(number_field, customer_number)))
        if account is None:
            return None
        contacts = await self._contacts(account["Id"])
        return AccountOnFile(
            account_id=account["Id"],
            name=account["Name"] or "",
            postcode=account["BillingPostalCode"] or "",
            whmcs_client_id=str(account[client_field] or "").removesuffix(".0"),
            contacts=[ContactOnFile(contact["Email"] or "", contact["LastName"] or "") for contact in contacts],
        )

    async def register(self, account_id: str, whmcs_client_id: int, source: str) -> None:
        """Write the fields the org has; all of them are identity's alone."""
        dialect = await self._dialect.current()
        fields: dict[str, Any] = {dialect.field("account.whmcsClientId"): str(whmcs_client_id)}
        if dialect.has("account.portalStatus"):
            fields[dialect.field("account.portalStatus")] = "Active"
        if dialect.has("account.registrationSource"):
            fields[dialect.field("account.registrationSource")] = source
        await self._salesforce.update("Account", account_id, fields)

    async def ensure_contact(self, account_id: str, form: SignupForm) -> None:
        """Leave a contact with this mailbox as it is; otherwise upsert one by its external id."""
        dialect = await self._dialect.current()
        wanted = comparable_email(form.email)
        if any(comparable_email(contact["Email"] or "") == wanted for contact in await self._contacts(account_id)):
            return
        fields = {
            "AccountId": account_id,
            "LastName": form.name.family_name,
            "FirstName": form.name.given_name,
            "Email": form.email,
            "Phone": form.phone,
        }
        if not dialect.has("contact.key"):
            await self._salesforce.create("Contact", fields)
            return
        key = sha256(f"{account_id}:{wanted}".encode()).hexdigest()
        await self._salesforce.upsert("Contact", dialect.field("contact.key"), key, fields)

    async def _contacts(self, account_id: str) -> list[dict[str, Any]]:
        statement = soql.select("Contact", "Email", "LastName").where(soql.equals("AccountId", account_id))
        return await self._salesforce.query(statement.limit(MOST_CONTACTS))
