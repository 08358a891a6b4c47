"""What a service needs of the org, as a table: rights, fields, picklist texts (R272-R274, R305-R310).

Each service that speaks to Salesforce keeps its own in `salesforce_setup.NEEDS`. The doctor checks an org against these
tables, and deploy/salesforce is compared with them, so that they are the one list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from portal_salesforce.profile import Profile

Rights = Literal["", "R", "CR", "CRU"]
Writes = Literal["", "c", "u", "cu"]

TEXT: Final = ("string", "textarea")
PICK: Final = ("picklist",)
TEXT_OR_PICK: Final = ("string", "picklist")
NUMBER_OR_TEXT: Final = ("double", "string")
"""Foreign ids are read from both (C06)."""
MOMENT: Final = ("datetime",)
DAY: Final = ("date",)
FLAG: Final = ("boolean",)
MONEY: Final = ("currency",)
PARENT: Final = ("reference",)
AS_STANDARD: Final = ()
"""A standard field: no org can change its type."""


@dataclass(frozen=True, slots=True)
class FieldNeed:
    """One field, by its name in the dialect (`order.key`) or, for a standard field, its API name (`StageName`).

    `types` are those of describe; `writes` says at which writes the portal sends it; `unique` asks for a unique
    external id; `texts` are picklist values written or read exactly as they stand here, `picklist` names one of the
    profile whose written texts and meanings must be there. `without` says what the portal goes without when an org
    lacks the field: empty for one that must exist.
    """

    name: str
    types: Sequence[str] = AS_STANDARD
    writes: Writes = ""
    unique: bool = False
    texts: Sequence[str] = ()
    picklist: str = ""
    without: str = ""

    def api_names(self, profile: Profile) -> Sequence[str]:
        """Give the names an org may use, the preferred one first."""
        return profile.fields[self.name] if "." in self.name else (self.name,)


@dataclass(frozen=True, slots=True)
class ObjectNeed:
    """One object. `rights`: C create, R read, U update; empty where another service judges them: all share one user.

    The portal deletes nothing, so it must not be able to.
    """

    name: str
    rights: Rights
    fields: Sequence[FieldNeed] = ()
