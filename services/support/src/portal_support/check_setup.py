"""What the doctor finds out about support (R272, R274, C23): cases, their origin and their record type."""

from collections.abc import Sequence
from typing import Final

from portal_chassis.setup_checks import Line, Look, seen
from portal_contracts.problems import PortalProblem
from portal_contracts.setup_checks import SetupCheck
from portal_salesforce.client import Salesforce
from portal_salesforce.setup_checks import PERMISSION_SET, Part, org_look
from portal_support.salesforce_setup import NEEDS

_RECORD_TYPE: Final = Line(
    "salesforce.Case.record_type",
    "Cases the integration user opens get a record type it may use.",
    f"Assign a default record type of Case in {PERMISSION_SET} or the profile, with all portal case types in it.",
)


def case_look(salesforce: Salesforce) -> Look:
    """Give support's look at the org."""
    return org_look(salesforce, NEEDS, Part((_RECORD_TYPE,), lambda: _record_type(salesforce)))


async def _record_type(salesforce: Salesforce) -> Sequence[SetupCheck]:
    try:
        describe = await salesforce.describe("Case")
    except PortalProblem as problem:
        return [_RECORD_TYPE.unknown(seen(problem))]
    usable = [
        str(one["name"])
        for one in describe.get("recordTypeInfos", ())
        if one.get("available") and one.get("defaultRecordTypeMapping")
    ]
    return [_RECORD_TYPE.is_so(bool(usable), ", ".join(usable) or "there is no default record type")]
