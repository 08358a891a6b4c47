"""The mail templates: plain text per language, first line the subject; the HTML is made from the same text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

LINK: Final = re.compile(r"https?://[^\s<]+")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template filled in."""

    subject: str
    text: str
    html: str


class Templates:
    """Reads the templates once and fills them in; a missing fact is an error, never an empty space in a mail."""

    def __init__(self) -> None:
        loader = PackageLoader("portal_notifications")
        self._texts = Environment(loader=loader, undefined=StrictUndefined, autoescape=False, trim_blocks=True)  # noqa: S701 - plain text has nothing to escape; the HTML below escapes all of it
        self._layout = Environment(
            loader=loader, undefined=StrictUndefined, autoescape=select_autoescape(["html"])
        ).get_template("layout.html")

    def render(self, template: str, locale: str, facts: Mapping[str, Any]) -> Rendered:
        """Fill in a template in a language."""
        whole = self._texts.get_template(f"{locale}/{template}.txt").render(facts)
        first, _, text = whole.partition("\n")
        subject = " ".join(first.split())  # one line: what a customer typed cannot add a mail header
        text = text.strip() + "\n"
        return Rendered(
            subject, text, self._layout.render(subject=subject, locale=locale, paragraphs=_paragraphs(text))
        )


def _paragraphs(text: str) -> list[Markup]:
    """Escape each paragraph and turn its links into links."""
    return [_linked(block) for block in re.split(r"\n{2,}", text.strip())]


def _linked(block: str) -> Markup:
    parts: list[Markup] = []
    position = 0
    for found in LINK.finditer(block):
        address = escape(found.group())
        parts += [escape(block[position : found.start()]), Markup('<a href="{0}">{0}</a>').format(address)]
        position = found.end()
    parts.append(escape(block[position:]))
    return Markup("").join(parts).replace("\n", Markup("<br>\n"))
