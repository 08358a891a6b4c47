"""`@{ref.field}` in composite sub-requests."""

import re
from collections.abc import Mapping
from typing import Any

from portal_sandbox.salesforce.errors import bad_request

_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])+)\}")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]")


def substitute(value: Any, results: Mapping[str, Any]) -> Any:
    """Replaces every reference by the earlier result's value. PROCESSING_HALTED when there is none."""
    if isinstance(value, dict):
        return {name: substitute(item, results) for name, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, results) for item in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole is not None:
        return _look_up(whole, results)
    return _REFERENCE.sub(lambda match: str(_look_up(match, results)), value)


def _look_up(match: re.Match[str], results: Mapping[str, Any]) -> Any:
    current: Any = results.get(match[1])
    for name, index in _STEP.findall(match[2]):
        if name and isinstance(current, dict) and name in current:
            current = current[name]
        elif index and isinstance(current, list) and int(index) < len(current):
            current = current[int(index)]
        else:
            raise bad_request(
                "PROCESSING_HALTED",
                f"Invalid reference specified. No value for {match[1]}{match[2]} found in {match[1]}",
            )
    return current
