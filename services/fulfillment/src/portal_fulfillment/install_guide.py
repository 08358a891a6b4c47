"""How a customer installs an eSIM, in their words (D11, freebit.md 7)."""

from typing import Final
from urllib.parse import quote

from portal_contracts.catalog import LocalizedText

INSTALL_GUIDE: Final = (
    LocalizedText(
        en="Connect the phone to Wi-Fi and have this page open on another screen.",
        ja="スマートフォンをWi-Fiに接続し、この画面を別の端末で開いてください。",
    ),
    LocalizedText(
        en="iPhone: Settings > Mobile Service > Add eSIM. Android: Settings > Network & internet > SIMs > Add SIM.",
        ja="iPhone:設定>モバイル通信>eSIMを追加。Android:設定>ネットワークとインターネット>SIM>SIMを追加。",
    ),
    LocalizedText(
        en="Scan the QR code. If that does not work, enter the SM-DP+ address and the activation code by hand.",
        ja="QRコードを読み取ってください。読み取れない場合は、SM-DP+アドレスとアクティベーションコードを入力してください。",
    ),
    LocalizedText(
        en="Do not delete the eSIM afterwards: the code works once, and a new one has to be issued then.",
        ja="コードは一度しか使えません。追加後にeSIMを削除すると再発行が必要になりますのでご注意ください。",
    ),
)
_APPLE: Final = "https://esimsetup.apple.com/esim_qrcode_provisioning?carddata="


def install_link(activation_code: str) -> str:
    """Give the link that opens the installation on iOS 17.4 and later; it holds the code."""
    return f"{_APPLE}{quote(activation_code, safe=':$')}"
