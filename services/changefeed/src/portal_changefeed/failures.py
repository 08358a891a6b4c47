"""What the end of a stream means for us (reference salesforce.md 4.10, 6). Pure: error code in, reaction out."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

PREFIX: Final = "sfdc.platform.eventbus.grpc."


class StreamFailed(Exception):  # noqa: N818 - that is what happened
    """A stream or a call ended with a status.

    `status` is gRPC's name, such as `UNAVAILABLE`; `error_code` the trailer without its common beginning, empty when
    there was none; `rpc_id` is what Salesforce's support asks for.
    """

    def __init__(self, status: str, error_code: str = "", details: str = "", rpc_id: str = "") -> None:
        super().__init__(f"{status} {error_code}".strip())
        self.status = status
        self.error_code = error_code
        self.details = details
        self.rpc_id = rpc_id
        self.session: object = None
        """What the stream was opened with, for `PubSub.log_in`."""


class Reaction(Enum):
    """What to do before the stream is opened again."""

    REOPEN = "reopen"
    """Something passing: come back after a pause that grows."""
    LOG_IN = "log in"
    """The session is refused: a new token, then at once; with a growing pause when that does not help."""
    REPLAY_ALL = "replay all"
    """The replay position is worth nothing: tell everybody, then take the oldest events there are, never the newest."""
    WAIT_LONG = "wait long"
    """Rights, licence, allocation, a topic that does not exist: people must act; look again now and then."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A reaction and the least pause before it, in seconds."""

    reaction: Reaction
    least: float = 0.0


REOPEN: Final = Rule(Reaction.REOPEN)
_RULES: Final = {
    "service.unavailable": Rule(Reaction.REOPEN, 5.0),
    "service.protection.stream.limit.triggered": Rule(Reaction.REOPEN, 30.0),
    "service.protection.triggered": Rule(Reaction.REOPEN, 30.0),
    "topic.api.unavailable": REOPEN,
    "schema.api.unavailable": REOPEN,
    "subscription.internal.error": REOPEN,
    "subscription.fetch.overflow": Rule(Reaction.REOPEN, 5.0),
    "subscription.fetch.replay.repeated": REOPEN,
    "service.auth.error": Rule(Reaction.LOG_IN),
    "service.auth.headers.invalid": Rule(Reaction.LOG_IN),
    "service.auth.refresh.invalid": Rule(Reaction.LOG_IN),
    "subscription.fetch.replayid.corrupted": Rule(Reaction.REPLAY_ALL),
    "subscription.fetch.replayid.validation.failed": Rule(Reaction.REPLAY_ALL),
    "service.tenant.license": Rule(Reaction.WAIT_LONG),
    "concurrent.client.limit.exceeded": Rule(Reaction.WAIT_LONG),
    "subscription.limit.exceeded": Rule(Reaction.WAIT_LONG),
    "subscription.topic.cannot.subscribe": Rule(Reaction.WAIT_LONG),
    "topic.not.found": Rule(Reaction.WAIT_LONG),
    "topic.meta.permission": Rule(Reaction.WAIT_LONG),
    "schema.meta.permission": Rule(Reaction.WAIT_LONG),
}
_BY_STATUS: Final = {
    "UNAUTHENTICATED": Rule(Reaction.LOG_IN),
    "PERMISSION_DENIED": Rule(Reaction.LOG_IN),
    "NOT_FOUND": Rule(Reaction.WAIT_LONG),
    "INVALID_ARGUMENT": Rule(Reaction.WAIT_LONG),
    "UNIMPLEMENTED": Rule(Reaction.WAIT_LONG),
}


def rule_for(failure: StreamFailed) -> Rule:
    """Decide by the error code; the status alone says little and is used only when there is no code we know."""
    if failure.status == "INVALID_ARGUMENT" and not failure.error_code and "replay id" in failure.details.lower():
        return Rule(Reaction.REPLAY_ALL)
    return _RULES.get(failure.error_code) or _BY_STATUS.get(failure.status, REOPEN)
