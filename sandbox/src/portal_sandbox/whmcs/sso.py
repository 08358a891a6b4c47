"""CreateSsoToken and the landing page that redeems it."""

import secrets
from datetime import datetime, timedelta

from portal_sandbox.whmcs.calls import TOKYO, Answer, ApiError, Call

TOKEN_LIFETIME = timedelta(seconds=60)
HOME = "clientarea.php"
_DESTINATIONS = {
    "clientarea:profile": "clientarea.php?action=details",
    "clientarea:billing_info": "index.php?rp=/account/paymentmethods",
    "clientarea:emails": "clientarea.php?action=emails",
    "clientarea:announcements": "index.php?rp=/announcements",
    "clientarea:downloads": "index.php?rp=/download",
    "clientarea:knowledgebase": "index.php?rp=/knowledgebase",
    "clientarea:network_status": "serverstatus.php",
    "clientarea:services": "clientarea.php?action=services",
    "clientarea:product_details": "clientarea.php?action=productdetails&id={service}",
    "clientarea:upgrade": "upgrade.php?type=package&id={service}",
    "clientarea:domains": "clientarea.php?action=domains",
    "clientarea:domain_details": "clientarea.php?action=domaindetails&id={domain}",
    "clientarea:invoices": "clientarea.php?action=invoices",
    "clientarea:tickets": "supporttickets.php",
    "clientarea:submit_ticket": "submitticket.php",
    "clientarea:shopping_cart": "cart.php",
    "clientarea:shopping_cart_addons": "cart.php?gid=addons",
    "clientarea:shopping_cart_domain_register": "cart.php?a=add&domain=register",
    "clientarea:shopping_cart_domain_transfer": "cart.php?a=add&domain=transfer",
}


def create_sso_token(call: Call) -> Answer:
    """CreateSsoToken: a single-use token of 60 seconds that signs in as the client's owner or the named user."""
    client_id, user_id = _whom(call)
    token = secrets.token_hex(20)
    expires = call.whmcs.now() + TOKEN_LIFETIME
    call.insert(
        "whmcs_sso_token",
        token=token,
        client_id=client_id,
        user_id=user_id,
        path=_path(call),
        expires=expires.isoformat(),
    )
    call.record("sso.created", client_id, user_id=user_id, destination=call.params.text("destination"))
    return {
        "access_token": token,
        "redirect_url": f"{call.whmcs.address()}/oauth/singlesignon.php?access_token={token}",
    }


def redeem(call: Call, token: str) -> tuple[str, str] | None:
    """A new session cookie and where to go; None for a token unknown, expired or used before."""
    row = call.one("SELECT * FROM whmcs_sso_token WHERE token = ?", token)
    if row is None or row["redeemed"] or datetime.fromisoformat(row["expires"]) < call.whmcs.now().astimezone(TOKYO):
        call.record("sso.refused", row["client_id"] if row else "unknown")
        return None
    call.db.execute("UPDATE whmcs_sso_token SET redeemed = ? WHERE token = ?", (call.whmcs.stamp(), token))
    call.record("sso.redeemed", row["client_id"], path=row["path"])
    return open_session(call, row["client_id"], row["user_id"]), row["path"]


def open_session(call: Call, client_id: int, user_id: int) -> str:
    """Signs a browser in; the cookie's value."""
    cookie = secrets.token_urlsafe(24)
    call.insert("whmcs_session", cookie=cookie, client_id=client_id, user_id=user_id, created=call.whmcs.stamp())
    call.db.execute("UPDATE whmcs_client SET lastlogin = ? WHERE id = ?", (call.whmcs.stamp(), client_id))
    return cookie


def _whom(call: Call) -> tuple[int, int]:
    client_id, user_id = call.params.whole("client_id"), call.params.whole("user_id")
    if not client_id and not user_id:
        raise ApiError("A valid client_id or user_id is required")
    if user_id and call.one("SELECT 1 FROM whmcs_user WHERE id = ?", user_id) is None:
        raise ApiError("Invalid user_id")
    if not client_id:
        owned = call.one("SELECT client_id FROM whmcs_user_client WHERE user_id = ? ORDER BY client_id", user_id)
        return (owned["client_id"] if owned else 0), user_id
    client = call.client(client_id, "Invalid client_id")
    if not user_id:
        user_id = client["owner_user_id"]
    linked = call.one("SELECT 1 FROM whmcs_user_client WHERE user_id = ? AND client_id = ?", user_id, client_id)
    if linked is None:
        raise ApiError("Invalid user_id for client")
    if not client["allow_sso"]:
        raise ApiError(f"SSO authentication blocked for client {client_id}")
    return client_id, user_id


def _path(call: Call) -> str:
    destination = call.params.text("destination")
    if not destination:
        return HOME
    if destination == "sso:custom_redirect":
        return call.params.text("sso_redirect_path").lstrip("/") or HOME
    template = _DESTINATIONS.get(destination)
    if template is None:
        raise ApiError("Invalid destination")
    return template.format(service=call.params.whole("service_id"), domain=call.params.whole("domain_id"))
