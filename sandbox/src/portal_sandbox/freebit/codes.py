"""The code pairs of replies. Only 100 (success) and 400-356 were ever seen in public; the rest is assumed.

Source: reference/freebit.md section 4. 400-313 is this sandbox's own addition: a number that is registered already.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """`resultCode` and `status.statusCode` with the message that goes with them."""

    result: str
    status: str
    message: str


SUCCESS = Code("100", "200", "OK")
FIELD_MISSING = Code("400", "301", "Required parameter is missing")
FIELD_INVALID = Code("400", "302", "Invalid parameter")
ACCOUNT_NOT_FOUND = Code("400", "310", "Account not found")
ACCOUNT_NOT_ACTIVE = Code("400", "311", "Account is not in service")
ACCOUNT_IN_SHARE_GROUP = Code("400", "312", "Account belongs to a share group")
ACCOUNT_EXISTS = Code("400", "313", "Account is already registered")
PLAN_INVALID = Code("400", "320", "Plan is not set or unknown")
ACCOUNT_BUSY = Code("400", "330", "Another request for the account is in progress")
QUOTA_OUT_OF_RANGE = Code("400", "340", "Quota is out of range")
EID_INVALID = Code("400", "350", "EID is invalid")
EID_CONFLICT = Code("400", "351", "EID already has a profile or an open request")
MNP_NUMBER_INVALID = Code("400", "352", "MNP reservation number is invalid or expired")
MNP_IDENTITY_MISMATCH = Code("400", "353", "MNP contractor information does not match")
SIM_NOT_AVAILABLE = Code("400", "354", "Product number is unknown or already used")
NOT_CONFIRMED = Code("400", "355", "userConfirmed or talkOption is not acceptable")
PATTERN_NOT_SUPPORTED = Code("400", "356", "Combination of aladinOperated and addKind is not supported")
KEY_INVALID = Code("401", "401", "authKey is invalid or expired")
FORBIDDEN = Code("403", "403", "Not allowed")
SYSTEM_ERROR = Code("500", "500", "System error")
MAINTENANCE = Code("503", "503", "Under maintenance")


class RefusedError(Exception):
    """Freebit understood the request and says no; `field` is named in the message where one is to blame."""

    def __init__(self, code: Code, field: str = "") -> None:
        super().__init__(f"{code.result}-{code.status} {code.message} {field}".rstrip())
        self.code = code
        self.field = field
