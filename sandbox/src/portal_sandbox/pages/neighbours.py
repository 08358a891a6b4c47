"""Which pages the stand-ins have for people, so that every page can lead to all others."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A page another stand-in begins with; `place` names it in templates, `server` in Core.addresses."""

    place: str
    server: str
    title: str
    path: str


NEIGHBOURS = (
    Neighbour("control", "control", "Control 管理", "/"),
    Neighbour("staff", "salesforce", "Salesforce staff スタッフ画面", "/staff/"),
    Neighbour("client", "whmcs", "WHMCS client area 会員画面", "/clientarea.php"),
    Neighbour("orders", "whmcs", "WHMCS orders 注文一覧", "/admin/orders.php"),
    Neighbour("lines", "freebit", "Freebit lines 回線", "/"),
    Neighbour("mailbox", "sendgrid", "Mailbox 受信箱", "/mailbox"),
    Neighbour("cards", "openid", "Identity cards 本人確認", "/"),
)


def neighbours(addresses: Mapping[str, str], server: str | None = None) -> list[dict[str, str]]:
    """The pages of the servers that run, or of one of them, with their addresses."""
    return [
        {"place": one.place, "title": one.title, "url": addresses[one.server] + one.path}
        for one in NEIGHBOURS
        if one.server in addresses and server in (None, one.server)
    ]
