"""The operations of the OpenAPI document that the portal serves."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_PARAMETER: Final = re.compile(r"{(\w+)}")
OPERATORS: Final = "/operator/"
FILE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class ServedOperation:
    """One method of one path."""

    method: str
    path: str
    description: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        """Names in the path."""
        return _PARAMETER.findall(self.path)

    @property
    def needs_session(self) -> bool:
        """Whether a session opens it."""
        return any("session" in way for way in self.description["security"])

    @property
    def of_operators(self) -> bool:
        """Whether it is there for operators, not for customers."""
        return self.path.startswith(OPERATORS)

    @property
    def streams(self) -> bool:
        """Whether its answer goes on for as long as somebody listens."""
        return "text/event-stream" in self.description["responses"].get("200", {}).get("content", {})

    @property
    def body(self) -> Any:
        """The body of the document's own example; None without one."""
        content = self.description.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("example")

    @property
    def takes_a_file(self) -> bool:
        """Whether its body is a file."""
        return FILE in self.description.get("requestBody", {}).get("content", {})

    @property
    def statuses(self) -> set[int]:
        """What it says it answers."""
        return {int(status) for status in self.description["responses"]}

    def at(self, values: Mapping[str, Any]) -> str:
        """Give the path with values in it; raises KeyError for a parameter nobody thought of."""
        return _PARAMETER.sub(lambda found: str(values[found[1]]), self.path)


@dataclass(frozen=True, slots=True)
class Served:
    """The document."""

    document: Mapping[str, Any]

    def __iter__(self) -> Iterator[ServedOperation]:
        for path, methods in self.document["paths"].items():
            for method, description in methods.items():
                yield ServedOperation(method.upper(), path, description)

    def for_customers(self) -> list[ServedOperation]:
        """What a customer's session opens."""
        return [one for one in self if one.needs_session and not one.of_operators]
