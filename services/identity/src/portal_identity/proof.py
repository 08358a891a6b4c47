"""Who may claim a Customer Number (C39): a known number alone proves nothing."""

from portal_contracts.identity import SignupForm
from portal_contracts.values import comparable_email, comparable_postcode, comparable_text
from portal_identity.ports import AccountOnFile


def proven(form: SignupForm, account: AccountOnFile) -> bool:
    """Say whether the proven mailbox, or family name and postcode, are the ones on file."""
    email = comparable_email(form.email)
    if any(comparable_email(contact.email) == email for contact in account.contacts if contact.email):
        return True
    if not account.postcode or comparable_postcode(account.postcode) != form.address.postcode:
        return False
    family_name = comparable_text(form.name.family_name)
    on_file = [comparable_text(contact.family_name) for contact in account.contacts]
    return family_name in on_file or comparable_text(account.name).startswith(family_name)
