"""Single sign-on into WHMCS: CreateSsoToken (reference/whmcs.md 4.6, D03)."""

import re
from typing import Final

from portal_billing.ports import Unclear
from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import UNAVAILABLE, WhmcsApi, refused_with
from portal_billing.whmcs_wire import Value
from portal_chassis.logs import get_logger
from portal_contracts.billing import SsoDestination
from portal_contracts.problems import Misconfigured, Refused, TryLater

_REDIRECTS: Final = {
    "payment_methods": "index.php?rp=/account/paymentmethods",
    "add_payment_method": "index.php?rp=/account/paymentmethods/add",
}
_DESTINATIONS: Final = {
    "invoices": "clientarea:invoices",
    "services": "clientarea:services",
    "profile": "clientarea:profile",
}
_BLOCKED: Final = ("authentication blocked", "invalid client_id", "invalid user_id", "could not be provisioned")

_NO_ADDRESS: Final = re.compile(r"[\x00-\x20\x7f-\uffff\\]")
"""What browsers and we might read differently: blanks, control characters, backslashes, anything but ASCII."""

_log = get_logger(__name__)


class WhmcsSignOn:
    """The SignOn port on WHMCS."""

    def __init__(self, api: WhmcsApi, *, host: str, secure: bool, seconds: float) -> None:
        """Take the one host a link may point to, and whether only over TLS."""
        self._api = api
        self._ours = re.compile(
            rf"http{'s' if secure else 's?'}://{re.escape(host)}(:[0-9]{{1,5}})?/[!-~]*", re.IGNORECASE
        )
        self._seconds = seconds

    async def mint(self, client_id: int, destination: SsoDestination, related_id: int | None) -> str:
        """CreateSsoToken. A token nobody received dies by itself, so an unclear outcome is just tried again."""
        parameters: dict[str, Value] = {"client_id": client_id, **target(destination, related_id)}
        try:
            body = await self._api.write("CreateSsoToken", parameters, seconds=self._seconds)
        except Unclear as unclear:
            raise TryLater(UNAVAILABLE) from unclear
        except WhmcsRefusal as refusal:
            if refused_with(refusal, *_BLOCKED):
                raise Refused("SSO_REFUSED") from refusal
            raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": str(refusal)}) from refusal
        url = str(body.get("redirect_url") or "")
        if _NO_ADDRESS.search(url) or not self._ours.fullmatch(url):
            _log.error("WHMCS's sign-on link points to a foreign host", alert=True)  # the link itself is a secret
            raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": "sign-on link with a foreign host"})
        return url


def target(destination: SsoDestination, related_id: int | None) -> dict[str, Value]:
    """Give where a link leads: fixed templates and whole numbers only, nothing a customer wrote."""
    if destination == "home":
        return {}
    if destination == "invoice":
        return _redirect(f"viewinvoice.php?id={related_id or 0:d}")
    if destination == "service":
        return {"destination": "clientarea:product_details", "service_id": related_id}
    if destination in _REDIRECTS:
        return _redirect(_REDIRECTS[destination])
    return {"destination": _DESTINATIONS[destination]}


def _redirect(path: str) -> dict[str, Value]:
    return {"destination": "sso:custom_redirect", "sso_redirect_path": path}
