"""Who may claim a Customer Number (C39): a known number alone proves nothing."""

from portal_contracts.identity import SignupForm
from portal_contracts.values import comparable_email, comparable_name, comparable_postcode, comparable_text
from portal_identity.ports import AccountOnFile


def proven(form: SignupForm, account: AccountOnFile) -> bool:
    """Say whether the proven mailbox, or family name and postcode, are the ones on file.

    A family name is on file with a contact. The account's own name may be a company's, whose parts anybody knows, as
    they know its postcode: it counts only as the whole name of the person, in either order.
    """
    email = comparable_email(form.email)
    if any(comparable_email(contact.email) == email for contact in account.contacts if contact.email):
        return True
    if not account.postcode or comparable_postcode(account.postcode) != form.address.postcode:
        return False
    family_name = comparable_text(form.name.family_name)
    if any(comparable_text(contact.family_name) == family_name for contact in account.contacts):
        return True
    given_name_first = comparable_text(form.name.given_name) + family_name
    return comparable_text(account.name) in {comparable_name(form.name), given_name_first}
