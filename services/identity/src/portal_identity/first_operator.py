"""`python -m portal_identity.first_operator --email …`: access for the first tech lead, who grants everybody else's.

Runs with identity's environment, of which it needs PORTAL_DATABASE_URL. Standard output is the enrolment token alone;
it is good once, within 24 hours, and cannot be shown again: run this again for another one.
"""

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database, StoreUnavailable
from portal_chassis.settings import ChassisSettings
from portal_contracts.values import EmailAddress
from portal_identity.audit import write_audit
from portal_identity.grant_operator import ENROLMENT
from portal_identity.secret_tokens import new_token, token_hash
from portal_identity.store_enrolments import open_enrolment
from portal_identity.store_operators import enrolled_tech_leads, put_operator

BY: Final = "first_operator"
"""Who approved and granted it: somebody with identity's environment."""
_ROLES: Final = ("operator_tech_lead",)


async def make_first_operator(database: Database, email: str) -> str | None:
    """Give somebody a tech lead's access and give the enrolment token; None when there is a tech lead already."""
    token = new_token()
    async with database.transaction() as transaction:
        await transaction.execute("LOCK TABLE operator IN SHARE ROW EXCLUSIVE MODE")
        if await enrolled_tech_leads(transaction):
            return None
        operator_id = await put_operator(transaction, email, _ROLES, BY, BY)
        await open_enrolment(transaction, operator_id, token_hash(token), datetime.now(UTC) + ENROLMENT)
        await write_audit(transaction, operator_id, "operator_granted", roles=_ROLES, approved_by=BY, granted_by=BY)
    return token


async def _run(url: str, email: str) -> int:
    database = Database(url, name="portal-first-operator", connections=1)
    await migrate(database, "portal_chassis", "portal_identity")
    await database.connect()
    try:
        token = await make_first_operator(database, email)
    finally:
        await database.close()
    if token is None:
        sys.stderr.write("There is a tech lead already; let them grant access.\n")
        return 1
    sys.stdout.write(f"{token}\n")
    sys.stderr.write(f"Hand this token to {email}: it opens the enrolment once, within 24 hours.\n")
    return 0


def main() -> int:
    """Run the command; gives its exit code."""
    parser = argparse.ArgumentParser(prog="python -m portal_identity.first_operator", description=__doc__)
    parser.add_argument("--email", required=True, help="address of the first tech lead")
    try:
        email = TypeAdapter(EmailAddress).validate_python(parser.parse_args().email)
    except ValidationError:
        sys.stderr.write("That is no e-mail address.\n")
        return 2
    url = ChassisSettings().database_url
    if url is None:
        sys.stderr.write("PORTAL_DATABASE_URL is not set: run this with identity's environment.\n")
        return 2
    try:
        return asyncio.run(_run(url.get_secret_value(), email))
    except StoreUnavailable:
        sys.stderr.write("Identity's database cannot be reached.\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
