"""One REST request or composite sub-request, parsed; and its reply."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from portal_sandbox.salesforce.errors import SalesforceError, bad_request, not_found

OLDEST_VERSION = 46
NEWEST_VERSION = 67
ROOT = "/services/data"
RELEASES = ("Spring", "Summer", "Winter")
FIRST_RELEASE_YEAR = 19
MULTI_STATUS_OK = 300


@dataclass(frozen=True, slots=True)
class Call:
    """A request below /services/data/vNN.0; segments are decoded, without empty ones."""

    method: str
    version: str
    segments: tuple[str, ...]
    params: Mapping[str, str]
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """The body as a JSON object. JSON_PARSER_ERROR when it is something else."""
        if not isinstance(self.body, dict):
            raise bad_request("JSON_PARSER_ERROR", "Unexpected value at [line:1, column:1]: an object was expected")
        return self.body

    @property
    def writes(self) -> bool:
        """Anything but GET and HEAD."""
        return self.method not in {"GET", "HEAD"}

    def not_allowed(self, *allowed: str) -> SalesforceError:
        """The 405 of this resource."""
        return SalesforceError(
            405, "METHOD_NOT_ALLOWED", f"HTTP Method '{self.method}' not allowed. Allowed are {','.join(allowed)}"
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and JSON body (bytes for a file, None for no body)."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """A 2xx."""
        return self.status < MULTI_STATUS_OK


def versions() -> list[dict[str, str]]:
    """The reply of GET /services/data."""
    found = []
    for number in range(OLDEST_VERSION, NEWEST_VERSION + 1):
        years, release = divmod(number - OLDEST_VERSION + 1, len(RELEASES))
        year = FIRST_RELEASE_YEAR + years + (1 if RELEASES[release] == "Winter" else 0)
        version = f"{number}.0"
        found.append({"label": f"{RELEASES[release]} '{year}", "url": f"{ROOT}/v{version}", "version": version})
    return found


def parse_call(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Call:
    """A call from a path with query; the path is still percent-encoded. NOT_FOUND for an unknown version."""
    split = urlsplit(url)
    raw = [segment for segment in split.path.removeprefix(ROOT).split("/") if segment]
    segments = [unquote(segment) for segment in raw]
    known = {f"v{entry['version']}": entry["version"] for entry in versions()}
    if not split.path.startswith(ROOT) or not segments or segments[0] not in known:
        raise not_found()
    params = dict(parse_qsl(split.query, keep_blank_values=True))
    return Call(method, known[segments[0]], tuple(segments[1:]), params, body, headers or {})
