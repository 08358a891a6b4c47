"""SendGrid's error envelope and the messages inside it (reference/sendgrid.md section 3.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import JSONResponse

_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message."

WRONG_KEY = "The provided authorization grant is invalid, expired, or revoked"
NO_CREDITS = "Maximum credits exceeded"
NO_PERMISSION = "access forbidden"
UNVERIFIED_SENDER = (
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved. "
    "Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the Sender Identity "
    "requirements"
)
TOO_MANY = "too many requests"
TOO_LARGE = "payload too large"
WRONG_TYPE = "Content-Type should be application/json."

NO_PERSONALIZATION = "You must have at least one personalization."
TOO_MANY_RECIPIENTS = "There is a limit of 1000 total recipients (to + cc + bcc) per request."
NO_TO = (
    "The to array is required for all personalization objects, and must have at least one email object with a valid "
    "email address."
)
NO_FROM = (
    "The from object must be provided for every email send. It is an object that requires the email parameter, but "
    'may also contain a name parameter.  e.g. {"email" : "example@example.com"}  or {"email" : "example@example.com", '
    '"name" : "Example Recipient"}.'
)
NO_SUBJECT = (
    "The subject is required. You can get around this requirement if you use a template with a subject defined or if "
    "every personalization has a subject defined."
)
NO_CONTENT = (
    "Unless a valid template_id is provided, the content parameter is required. There must be at least one defined "
    "content block. We typically suggest both text/plain and text/html blocks are included, but only one block is "
    "required."
)
CONTENT_ORDER = (
    "If present, text/plain and text/html may only be provided once. The text/plain content block must come first, "
    "followed by text/html."
)
NO_ADDRESS = "Does not contain a valid address."
FROM_NO_ADDRESS = "The from email does not contain a valid address."
NAME_CHARACTERS = "The name must not contain semicolons or commas."
REPLY_TO_TWICE = "The reply_to and reply_to_list parameters are mutually exclusive."
SANDBOX_NOT_BOOLEAN = "The sandbox mode enable param should be a boolean value."


def too_many_personalizations(count: int) -> str:
    """Text for more than a thousand personalizations."""
    return (
        "The personalization block is limited to 1000 personalizations per API request. You have provided "
        f"{count} personalizations. Please consider splitting this into multiple requests and resending your request."
    )


def repeated_address(address: str) -> str:
    """Text for an address that occurs twice within one personalization."""
    return (
        "Each unique email address in the personalizations array should only be included once. You have included "
        f"{address} more than once."
    )


@dataclass(slots=True)
class Problems:
    """What is wrong with a mail; SendGrid tells everything it finds at once."""

    found: list[dict[str, str | None]] = field(default_factory=list)

    def add(self, message: str, path: str | None = None) -> None:
        """One entry; `path` names the field with dots, list positions as numbers."""
        anchor = None if path is None else _HELP + ".".join(part for part in path.split(".") if not part.isdigit())
        entry = {"message": message, "field": path, "help": anchor}
        if entry not in self.found:
            self.found.append(entry)

    def __bool__(self) -> bool:
        return bool(self.found)


class RefusedError(Exception):
    """One objection that ends the request with this HTTP status."""

    def __init__(
        self, status: int, message: str, path: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.path = path
        self.headers = dict(headers or {})

    def answer(self) -> JSONResponse:
        """The error envelope with a single entry."""
        body = {"errors": [{"message": str(self), "field": self.path, "help": None}]}
        return JSONResponse(body, self.status, headers=self.headers)
