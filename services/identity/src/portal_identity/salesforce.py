"""Account and Contact in Salesforce (reference salesforce.md 3.2, R027-R030, R305). Their names occur here alone."""

from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any, Final

from portal_contracts.identity import SignupForm
from portal_contracts.values import LONGEST_CONTACT_EMAIL, LONGEST_GIVEN_NAME, Address, comparable_email
from portal_identity.ports import AccountOnFile, AccountUnclear, BilledProfile, ContactOnFile, NewContact
from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.dialect import Dialect, DialectSource
from portal_salesforce.own_writes import OwnWrites

MOST_CONTACTS: Final = 200
NOBODY: Final = "001000000000000AAA"
"""No account has this id: an unknown Customer Number takes the same work as a known one (D18)."""
ERASED: Final = "(erased)"
"""What a contact is called whose person asked to be forgotten: Salesforce wants a last name."""
_ACCOUNT_FIELDS: Final = (
    "Name",
    "Phone",
    "BillingPostalCode",
    "BillingState",
    "BillingCity",
    "BillingStreet",
    "BillingCountry",
)
_CONTACT_FIELDS: Final = ("FirstName", "LastName", "Email", "Phone")
_PERSON_FIELDS: Final = ("contact.dateOfBirth", "contact.nationality", "contact.gender")
"""What an extended sign-up form asks of a person (R017, C10), each only where the org has it."""
_GENDERS: Final = {"male": "Male", "female": "Female", "other": "Other"}


class SalesforceAccounts:
    """The `Accounts` port on a Salesforce org."""

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce
        self._writes = OwnWrites(salesforce)
        self._dialect = DialectSource(salesforce, "Account", "Contact")

    async def find(self, customer_number: str) -> AccountOnFile | None:
        """Query by Customer Number, then the account's contacts."""
        dialect = await self._dialect.current()
        return await self._one(soql.equals(dialect.field("account.customerNumber"), customer_number))

    async def find_by_email(self, email: str) -> AccountOnFile | None:
        """Query contacts by mailbox; contacts without an account are nobody's."""
        statement = soql.select("Contact", "AccountId").where(soql.equals("Email", email))
        rows = await self._salesforce.query(statement.limit(MOST_CONTACTS))
        account_ids = {row["AccountId"] for row in rows if row["AccountId"]}
        if not account_ids:
            return None
        found = await self._one(soql.equals("Id", account_ids.pop())) if len(account_ids) == 1 else None
        if found is None or not found.customer_number:
            raise AccountUnclear
        return found

    async def _one(self, condition: soql.Condition) -> AccountOnFile | None:
        dialect = await self._dialect.current()
        client_field, number_field = dialect.field("account.whmcsClientId"), dialect.field("account.customerNumber")
        statement = soql.select("Account", "Id", "Name", "BillingPostalCode", client_field, number_field)
        account = await self._salesforce.query_one(statement.where(condition))
        contacts = await self._contacts(account["Id"] if account is not None else NOBODY)
        if account is None:
            return None
        return AccountOnFile(
            account_id=account["Id"],
            name=account["Name"] or "",
            postcode=account["BillingPostalCode"] or "",
            whmcs_client_id=str(account[client_field] or "").removesuffix(".0"),
            contacts=[ContactOnFile(contact["Email"] or "", contact["LastName"] or "") for contact in contacts],
            customer_number=account[number_field] or "",
        )

    async def open_account(self, customer_number: str, form: SignupForm) -> str:
        """Upsert by Customer Number: a repeat after a lost answer finds what it made."""
        dialect = await self._dialect.current()
        fields = {
            "Name": form.company or f"{form.name.family_name} {form.name.given_name}",
            "Phone": form.phone,
            **_address_fields(form.address),
        }
        number_field = dialect.field("account.customerNumber")
        account_id, _ = await self._writes.upsert("Account", number_field, customer_number, fields)
        return account_id

    async def register(self, account_id: str, whmcs_client_id: int, source: str) -> None:
        """Write the fields the org has; all of them are identity's alone."""
        dialect = await self._dialect.current()
        fields: dict[str, Any] = {dialect.field("account.whmcsClientId"): str(whmcs_client_id)}
        if dialect.has("account.portalStatus"):
            fields[dialect.field("account.portalStatus")] = "Active"
        if dialect.has("account.registrationSource"):
            fields[dialect.field("account.registrationSource")] = source
        await self._writes.update("Account", account_id, fields)

    async def ensure_contact(self, account_id: str, contact: NewContact) -> None:
        """Fill in what a contact with this mailbox lacks of the person; otherwise upsert one by its external id."""
        dialect = await self._dialect.current()
        wanted, person = comparable_email(contact.email), _person_fields(dialect, contact)
        there = [
            known
            for known in await self._contacts(account_id, *person)
            if comparable_email(known["Email"] or "") == wanted
        ]
        for known in there:
            await self._make_alike("Contact", known, {name: known[name] or value for name, value in person.items()})
        if there:
            return
        fields = {
            "AccountId": account_id,
            "LastName": contact.name.family_name,
            "FirstName": contact.name.given_name[:LONGEST_GIVEN_NAME],
            "Email": contact.email if len(contact.email) <= LONGEST_CONTACT_EMAIL else None,
            "Phone": contact.phone,
            **person,
        }
        if not dialect.has("contact.key"):
            await self._writes.create("Contact", fields)
            return
        key = sha256(f"{account_id}:{wanted}".encode()).hexdigest()
        await self._writes.upsert("Contact", dialect.field("contact.key"), key, fields)

    async def change_email(self, account_id: str, former: Collection[str], email: str) -> None:
        """Write the address of each contact that has a former one."""
        known = {comparable_email(one) for one in former} - {comparable_email(email)}
        for contact in await self._contacts(account_id):
            if comparable_email(contact["Email"] or "") in known:
                await self._writes.update("Contact", contact["Id"], {"Email": email})

    async def keep_profile(self, account_id: str, email: str, profile: BilledProfile) -> None:
        """Read, and write what differs. The account's name is staff's: WHMCS's company and names are not copied."""
        phone = {"Phone": profile.phone} if profile.phone else {}
        wanted = {**phone, **(_address_fields(profile.address) if profile.address else {})}
        await self._make_alike("Account", await self._salesforce.read("Account", account_id, list(wanted)), wanted)
        statement = soql.select("Contact", "Id", "Email", "Phone").where(soql.equals("AccountId", account_id))
        for contact in await self._salesforce.query(statement.limit(MOST_CONTACTS)):
            if comparable_email(contact["Email"] or "") == comparable_email(email):
                await self._make_alike("Contact", contact, phone)

    async def _make_alike(self, kind: str, record: Mapping[str, Any] | None, wanted: Mapping[str, str]) -> None:
        if record is not None:
            changes = {name: value for name, value in wanted.items() if (record[name] or "") != value}
            if changes:
                await self._writes.update(kind, record["Id"], changes)

    async def everything(self, account_id: str) -> Mapping[str, Any]:
        """Read the account and its contacts, as far as they are about the person."""
        dialect = await self._dialect.current()
        names = [*_ACCOUNT_FIELDS, *dialect.names("account.customerNumber", "account.portalStatus")]
        account = await self._salesforce.read("Account", account_id, names)
        about_contacts = [*_CONTACT_FIELDS, *dialect.names(*_PERSON_FIELDS)]
        statement = soql.select("Contact", *about_contacts).where(soql.equals("AccountId", account_id))
        contacts = await self._salesforce.query(statement.limit(MOST_CONTACTS))
        return {"account": dict(account or {}), "contacts": [dict(contact) for contact in contacts]}

    async def erase(self, account_id: str, email: str) -> None:
        """Empty the contact's fields; the account's name is staff's, who get a case."""
        dialect = await self._dialect.current()
        emptied = ("FirstName", "Email", "Phone", *dialect.names(*_PERSON_FIELDS))
        fields = {"LastName": ERASED, **dict.fromkeys(emptied)}
        for contact in await self._contacts(account_id):
            if comparable_email(contact["Email"] or "") == comparable_email(email):
                await self._writes.update("Contact", contact["Id"], fields)
        if dialect.has("account.portalStatus"):
            await self._writes.update("Account", account_id, {dialect.field("account.portalStatus"): "Inactive"})

    async def _contacts(self, account_id: str, *more: str) -> list[dict[str, Any]]:
        statement = soql.select("Contact", "Id", "Email", "LastName", *more).where(soql.equals("AccountId", account_id))
        return await self._salesforce.query(statement.limit(MOST_CONTACTS))


def _person_fields(dialect: Dialect, contact: NewContact) -> dict[str, str]:
    """Give what is known of the person in the names of those fields that the org has."""
    known = (
        contact.date_of_birth.isoformat() if contact.date_of_birth else None,
        contact.nationality,
        _GENDERS[contact.gender] if contact.gender else None,
    )
    fields = zip(_PERSON_FIELDS, known, strict=True)
    return {dialect.field(field): value for field, value in fields if value and dialect.has(field)}


def _address_fields(address: Address) -> dict[str, str]:
    """Give an address in Salesforce's names; the building is the second line of the street."""
    return {
        "BillingPostalCode": address.postcode,
        "BillingState": address.prefecture,
        "BillingCity": address.city,
        "BillingStreet": "\n".join(line for line in (address.street, address.building) if line),
        "BillingCountry": address.country,
    }
