"""What the doctor finds out about the gateway: the keys and callers of signed calls (R138-R141)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from portal_chassis.machine_time import epoch
from portal_chassis.setup_checks import Line, Look
from portal_contracts.problems import Misconfigured
from portal_contracts.setup_checks import SetupCheck
from portal_gateway.settings import GatewaySettings
from portal_gateway.signed_call_keys import read_keys

_KEYS: Final = Line(
    "portal.signed_call_keys",
    "The keys of signed calls can be read and one of them counts now.",
    "Write the file of PORTAL_SIGNED_CALL_KEYS_PATH: key id to a key of at least 32 characters, the same as in "
    "Salesforce's Named Credential.",
)
_CALLERS: Final = Line(
    "portal.signed_callers",
    "The networks signed calls come from are named.",
    "Set PORTAL_SIGNED_CALLERS to Salesforce's networks (and PORTAL_TRUSTED_PROXIES to the proxy's own).",
)


def signed_calls_look(settings: GatewaySettings) -> Look:
    """Give the gateway's look; a portal without signed calls needs neither keys nor callers."""

    async def look() -> Sequence[SetupCheck]:
        path = settings.signed_call_keys_path
        if path is None:
            return [line.passed("there are no signed calls") for line in (_KEYS, _CALLERS)]
        try:
            keys = read_keys(path)
        except Misconfigured as problem:
            found = _KEYS.failed(str(problem))
        else:
            now = datetime.fromtimestamp(epoch(), UTC)
            valid = sorted(name for name, key in keys.items() if key.is_valid(now))
            found = _KEYS.is_so(bool(valid), f"{', '.join(valid) or 'none'} of {len(keys)} count now")
        callers = ", ".join(str(network) for network in settings.signed_callers)
        return [found, _CALLERS.is_so(bool(callers), callers or "nobody may call")]

    return look
