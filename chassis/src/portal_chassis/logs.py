"""JSON logs on standard output: one line per happening, with trace ids, without secrets and personal data (D13, §9).

Redaction works twice: by a closed list of key names at any depth, and by the look of values inside any text, so that a
token or an address that slipped into a message or a traceback does not get out either.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from portal_chassis import telemetry
from portal_chassis.lean_structlog import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

    from portal_chassis.log_export import LogExport

HIDDEN: Final = "[redacted]"

_SECRET_KEYS: Final = frozenset(
    {
        "accesskey",
        "accesstoken",
        "activationcode",
        "actor",
        "apikey",
        "assertion",
        "authkey",
        "authorization",
        "authtoken",
        "cardnum",
        "cardnumber",
        "clientsecret",
        "code2fa",
        "confirmationcode",
        "cookie",
        "csrftoken",
        "cvv",
        "eid",
        "iccid",
        "identifier",
        "jwt",
        "lpa",
        "oemkey",
        "otp",
        "pan",
        "passphrase",
        "passwd",
        "password",
        "password2",
        "passwordhash",
        "pepper",
        "pin",
        "portalactor",
        "privatekey",
        "proxyauthorization",
        "recoverycode",
        "redirecturl",
        "refreshtoken",
        "remotetoken",
        "resettoken",
        "secret",
        "seed",
        "sessionid",
        "sessiontoken",
        "setcookie",
        "signature",
        "ssourl",
        "token",
        "totp",
        "verificationcode",
        "xapikey",
    }
)
_SECRET_ENDINGS: Final = ("password", "secret", "token", "cookie", "privatekey", "apikey")

_SECRET_VALUES: Final = re.compile(
    r"""
      eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*            # a JSON web token
    | (?i:bearer|basic)\s+[^\s"\',]{8,}                      # an Authorization header's value
    | \b00D\w{12,15}![\w.]{8,}                        # a Salesforce session
    | \bSG\.[\w-]{8,}(?:\.[\w-]+)*                    # a SendGrid key
    | \bLPA:1\$\S+                                    # an eSIM activation code
    | \bS[UANOCX][A-Z2-7]{40,}                        # an nkey seed
    | -----BEGIN[^-]*PRIVATE\ KEY-----[\s\S]*?(?:-----END[^-]*PRIVATE\ KEY-----|\Z)
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)                 # credentials in a URL
    | \bhttps?://\S+[?&](?:access_)?token=\S+         # a single-use link
    | (?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{43}(?![\w-])   # 256 bits as base64url: our own opaque tokens
    | (?<!\d)(?:\d[\ -]?){15}\d(?!\d)                 # a card number
    | (?<=input_value=).*?(?=,\ input_type=)          # what pydantic shows of a refused value
    | (?<=DETAIL:\ \ )[^\n]+                          # what Postgres shows of a conflicting row
    | (?i:(?<=password=)|(?<=secret=)|(?<=token=)|(?<=oemKey=)|(?<=authKey=))[^\s&'"]+
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                    # a mail address
    """,
    re.VERBOSE,
)


_SHORTEST_SECRET: Final = 16
"""Characters of the shortest secret that is one word."""
LONGEST_TEXT: Final = 16_384
"""Characters of a text in a line. A traceback is shorter; whoever sends us more must not fill a disk with it."""


def redacted_text(text: str) -> str:
    """Give the text with everything hidden that looks like a secret or a mail address."""
    if len(text) < _SHORTEST_SECRET and text.isidentifier():
        return text  # half of all values are a short word, and the search below is most of what a line costs
    if len(text) > LONGEST_TEXT:  # cut after hiding, so that no half of a secret stays at the end
        shown = _SECRET_VALUES.sub(HIDDEN, text[: 2 * LONGEST_TEXT])[:LONGEST_TEXT]
        return f"{shown}… [{len(text)} characters]"
    return _SECRET_VALUES.sub(HIDDEN, text)


def is_secret_key(key: str) -> bool:
    """Whether a value under this name never leaves the process, however the name is written."""
    plain = key.replace("_", "").replace("-", "").lower()
    return plain in _SECRET_KEYS or plain.endswith(_SECRET_ENDINGS)


def redacted(value: Any) -> Any:
    """Give a copy with secrets hidden at any depth."""
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        return {
            redacted_text(str(key)): HIDDEN if is_secret_key(str(key)) and inner else redacted(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(inner) for inner in value]
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    return redacted_text(str(value))


def _redact(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    return {key: HIDDEN if is_secret_key(key) and value else redacted(value) for key, value in event.items()}


def _add_trace(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    ids = telemetry.current_ids()
    if ids is not None:
        event["trace_id"], event["span_id"] = ids
    return event


SUBJECT_IDS: Final = frozenset({"order_id", "order_ids", "opportunity_id", "case_id", "whmcs_order_id", "signup_id"})
"""What every line says of the message or process state it was written about; ids alone, never a person's data."""
_subject: ContextVar[tuple[object, Mapping[str, str]] | None] = ContextVar("portal_log_subject", default=None)


def about(thing: object, **facts: str) -> None:
    """Have every line of the current task from now on say what it is about: a message or a process's state.

    Its ids are read only when a line is written, so this costs next to nothing where none is.
    """
    _subject.set((thing, facts))


def _add_subject(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    subject = _subject.get()
    if subject is not None:
        thing, facts = subject
        for name, fact in facts.items():
            event.setdefault(name, fact)
        for name in SUBJECT_IDS:
            if value := getattr(thing, name, None):
                event.setdefault(name, value)
    return event


_STRANGE: Final = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON allows and a terminal, a line reader or UTF-8 does not: controls, line ends, directions, half letters."""


def _line(event: "EventDict", **options: Any) -> str:
    return _STRANGE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(event, ensure_ascii=False, **options))


_export: "LogExport | None" = None


def _send_on(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    if _export is not None:
        _export.take(dict(event))
    return event


class _Standard(logging.Handler):
    """Sends what libraries log through the same processors."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a message that cannot be formatted must not stop the program."""
        try:
            logger = structlog.get_logger(component=record.name)
            logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info or None)
        except Exception:  # noqa: BLE001 - the reason stands above
            self.handleError(record)


class OncePerMinute(logging.Filter):
    """Lets one record per call site through each minute: libraries repeat themselves while a server is away."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is the first of its minute; its traceback is cut, the message says enough."""
        place = (record.pathname, record.lineno)
        now = monotonic()
        if now - self._last.get(place, -60.0) < 60.0:  # noqa: PLR2004 - a minute
            return False
        self._last[place] = now
        if record.exc_info and record.exc_info[1] is not None:
            record.msg = f"{record.getMessage()}: {type(record.exc_info[1]).__name__}"
            record.args = ()
            record.exc_info = None
        return True


_QUIET: Final = ("asyncpg", "uvicorn", "faststream", "nats", "opentelemetry", "asyncio", "urllib3", "httpx", "httpcore")
"""Libraries of which only warnings are worth a line."""
_REPEATING: Final = ("asyncpg.pool", "opentelemetry.exporter", "opentelemetry.sdk", "nats.aio.client")


def _set_up(level: int) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_subject,
            structlog.processors.format_exc_info,
            _redact,
            _add_trace,  # after hiding: one in some thousand ids has the digits of a card number
            _send_on,
            structlog.processors.JSONRenderer(_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stdout),  # whatever standard output is by then
        cache_logger_on_first_use=False,
    )


def configure(service: str, level: str = "INFO", endpoint: str | None = None) -> None:
    """Send all logs of the process to standard output as JSON, `service` on every line.

    With the base of an OTLP/HTTP collector they go there, too.
    """
    numeric = logging.getLevelNamesMapping()[level]
    _set_up(numeric)
    structlog.contextvars.bind_contextvars(service=service)
    root = logging.getLogger()
    root.handlers[:] = [_Standard()]
    root.setLevel(numeric)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _REPEATING:
        logger = logging.getLogger(name)
        logger.filters[:] = [OncePerMinute()]
    if endpoint:
        _send_to(service, endpoint)


def _send_to(service: str, endpoint: str) -> None:
    global _export  # noqa: PLW0603 - one process writes one log
    from portal_chassis.log_export import LogExport  # noqa: PLC0415 - only with a collector

    _export = LogExport(service, endpoint)


def flush() -> None:
    """Send on what is left, for two seconds at most; blocks, so call it at the very end."""
    if _export is not None:
        _export.close()


def get_logger(name: str) -> "FilteringBoundLogger":
    """Give a logger; `name` is the module's and appears as `component`."""
    logger: FilteringBoundLogger = structlog.get_logger(component=name)
    return logger


if not structlog.is_configured():
    _set_up(logging.INFO)  # what is logged before `configure`, or in a test, is redacted as well
