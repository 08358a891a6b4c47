"""How much of the org's daily request quota is used (R285), as Salesforce says in every answer."""

import re
from dataclasses import dataclass
from typing import Final

from portal_chassis.logs import get_logger
from portal_chassis.metrics import gauge

WORRYING_SHARE: Final = 0.8
_USAGE: Final = re.compile(r"(?<!app-)api-usage=(\d+)/(\d+)")
_USED: Final = gauge("portal_salesforce_api_requests_used", "Requests the whole org made in the last 24 hours")
_MOST: Final = gauge("portal_salesforce_api_requests_limit", "Requests the whole org may make in 24 hours")

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """Requests of the whole org in the last 24 hours, and how many there may be."""

    used: int
    most: int

    @property
    def share(self) -> float:
        """The used part, between 0 and 1 and a little above."""
        return self.used / self.most if self.most else 0.0


class ApiUsageMeter:
    """Keeps the last figure, shows it as a metric and warns when four fifths are used. Called from threads."""

    def __init__(self) -> None:
        self.last: ApiUsage | None = None
        self._warned = False

    def read(self, header: str | None) -> None:
        """Take the header `Sforce-Limit-Info` of an answer, such as `api-usage=18/5000`."""
        found = _USAGE.search(header or "")
        if not found:
            return
        usage = self.last = ApiUsage(int(found[1]), int(found[2]))
        _USED.set(usage.used)
        _MOST.set(usage.most)
        worrying = usage.share >= WORRYING_SHARE
        if worrying and not self._warned:
            _log.warning("most of salesforce's daily request quota is used", used=usage.used, most=usage.most)
        self._warned = worrying
