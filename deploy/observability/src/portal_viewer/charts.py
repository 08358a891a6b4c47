"""Draws curves as SVG: no script, no library, nothing fetched."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from portal_viewer.dashboards import Curve, shown

WIDTH: Final = 480
HEIGHT: Final = 130
_COLOURS: Final = ("#2f6fb7", "#d1662a", "#3a8f56", "#a33f8c", "#b08b1e", "#4a4a9e", "#b23b3b", "#2b8a8a")


def colour(index: int) -> str:
    """Give the colour of a curve."""
    return _COLOURS[index % len(_COLOURS)]


def chart(curves: Sequence[Curve], unit: str) -> str:
    """Draw curves over one axis that begins at zero."""
    top = max((value for curve in curves for value in curve.values if value is not None), default=0.0)
    top = 1.0 if not top or math.isinf(top) else top
    lines = [_line(curve, index, top) for index, curve in enumerate(curves)]
    label = escape(shown(top, unit))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f'<line x1="0" y1="{HEIGHT - 1}" x2="{WIDTH}" y2="{HEIGHT - 1}"/>'
        f'<line x1="0" y1="14" x2="{WIDTH}" y2="14"/><text x="2" y="11">{label}</text>{"".join(lines)}</svg>'
    )


def _line(curve: Curve, index: int, top: float) -> str:
    last = max(1, len(curve.values) - 1)
    points = " ".join(
        f"{WIDTH * at / last:.1f},{HEIGHT - 1 - (HEIGHT - 15) * min(1.0, value / top):.1f}"
        for at, value in enumerate(curve.values)
        if value is not None
    )
    return f'<polyline points="{points}" stroke="{colour(index)}"><title>{escape(curve.name)}</title></polyline>'
