"""Finds what has one path, which is most of what is asked for, without looking through all routes."""

from collections.abc import Mapping
from typing import Final

from portal_gateway.reply import App, Receive, Scope, Send

_NO_PARAMETERS: Final[Mapping[str, str]] = {}


class FixedPaths:
    """A table of paths without parameters before FastAPI's router and its six layers, none of which they need.

    A flood of log-ins must cost less to send away than to send (docs/performance.md).
    """

    def __init__(self, apps: Mapping[str, App], others: App) -> None:
        self._apps = apps
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the one with its path, if it has one."""
        app = self._apps.get(scope["path"]) if scope["type"] == "http" else None
        if app is None:
            await self._others(scope, receive, send)
            return
        scope["path_params"] = _NO_PARAMETERS
        await app(scope, receive, send)
