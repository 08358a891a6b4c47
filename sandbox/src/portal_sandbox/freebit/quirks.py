"""How Freebit behaves where nobody knows: every open question of reference/freebit.md section 9 is a switch."""

from portal_sandbox.core import Switches
from portal_sandbox.freebit.wire import ResultCodeType

VENDOR = "freebit"


class Quirks:
    """The present values of Freebit's switches, in typed words."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        switches.declare(
            VENDOR,
            "completionSeconds",
            2,
            "How long an asynchronous request runs, on the sandbox clock; 600 is realistic. A network type change "
            "takes three times as long.",
        )
        switches.declare(
            VENDOR, "completion", "normal", "How asynchronous requests end.", ("normal", "never", "failure")
        )
        switches.declare(VENDOR, "neverFor", "", "EIDs and accounts, separated by commas, whose requests never end.")
        switches.declare(VENDOR, "failFor", "", "EIDs and accounts, separated by commas, whose requests fail.")
        switches.declare(VENDOR, "failureReason", "PROFILE_DOWNLOAD_ERROR", "Reason in the notification of a failure.")
        switches.declare(VENDOR, "authKeySeconds", 1800, "Life of an authKey on the sandbox clock.")
        switches.declare(
            VENDOR, "resultCodeType", "string", "JSON type of resultCode in every reply.", ("string", "number")
        )
        switches.declare(
            VENDOR,
            "errorHttpStatus",
            "ok",
            "HTTP status of an error envelope: 200, or the number in resultCode.",
            ("ok", "as_code"),
        )
        switches.declare(
            VENDOR,
            "esimActivationCode",
            "in_detail",
            "Where the LPA activation code of an eSIM is shown.",
            ("in_detail", "none"),
        )
        switches.declare(VENDOR, "accountInReply", True, "The reply to a new eSIM names the number assigned to it.")
        switches.declare(VENDOR, "eidLookup", True, "getDetail finds a line by `eid` when `account` is absent.")
        switches.declare(
            VENDOR,
            "oneLinePerEid",
            True,
            "An EID with a live line refuses another one; off: only open requests do.",
        )
        switches.declare(VENDOR, "oneStopPortIn", True, "A port-in with `mnp.oneStop` needs no reservation number.")
        switches.declare(VENDOR, "forbiddenFor", "", "EIDs and accounts, separated by commas, answered with 403-403.")
        switches.declare(VENDOR, "talkOptionLocks", True, "A running voice option request refuses other writes.")

    @property
    def completion_seconds(self) -> float:
        """How long an ordinary asynchronous request runs."""
        return self._switches.number(VENDOR, "completionSeconds")

    @property
    def auth_key_seconds(self) -> float:
        """Life of an authKey."""
        return self._switches.number(VENDOR, "authKeySeconds")

    @property
    def result_code_type(self) -> ResultCodeType:
        """JSON type of resultCode."""
        return "number" if self._switches.text(VENDOR, "resultCodeType") == "number" else "string"

    @property
    def error_status_as_code(self) -> bool:
        """Whether errors also have an HTTP status of their own."""
        return self._switches.text(VENDOR, "errorHttpStatus") == "as_code"

    @property
    def shows_activation_code(self) -> bool:
        """Whether the detail call shows the LPA code."""
        return self._switches.text(VENDOR, "esimActivationCode") == "in_detail"

    @property
    def account_in_reply(self) -> bool:
        """Whether the reply to a new eSIM names its number."""
        return self._switches.is_on(VENDOR, "accountInReply")

    @property
    def eid_lookup(self) -> bool:
        """Whether the detail call finds lines by EID."""
        return self._switches.is_on(VENDOR, "eidLookup")

    @property
    def one_line_per_eid(self) -> bool:
        """Whether a live line on an EID refuses another one."""
        return self._switches.is_on(VENDOR, "oneLinePerEid")

    @property
    def one_stop_port_in(self) -> bool:
        """Whether the one-stop method of number portability is offered."""
        return self._switches.is_on(VENDOR, "oneStopPortIn")

    def is_forbidden(self, account: str) -> bool:
        """Whether the OEM may not touch this account or EID."""
        return account in self._listed("forbiddenFor")

    @property
    def talk_option_locks(self) -> bool:
        """Whether a running voice option request locks the line."""
        return self._switches.is_on(VENDOR, "talkOptionLocks")

    @property
    def failure_reason(self) -> str:
        """Reason written into the notification file."""
        return self._switches.text(VENDOR, "failureReason")

    def ending_of(self, account: str, eid: str) -> str:
        """How a request for this line ends: `normal`, `never` or `failure`."""
        wanted = {account, eid} - {""}
        if wanted & self._listed("neverFor"):
            return "never"
        if wanted & self._listed("failFor"):
            return "failure"
        return self._switches.text(VENDOR, "completion")

    def _listed(self, name: str) -> set[str]:
        return {part.strip() for part in self._switches.text(VENDOR, name).split(",")} - {""}
