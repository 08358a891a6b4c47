"""The mail templates: plain text per language, first line the subject; the HTML is made from the same text."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

CODE: Final = re.compile(r"[0-9]{6,8}")
LINK: Final = re.compile(r"https?://[^\s<]+")
ADDRESS: Final = Markup('<a href="{0}" style="color:#2f5aa8">{0}</a>')
OPEN: Final = {"ja": "ポータルで開く", "en": "Open in the portal"}
BUTTON: Final = Markup(
    '<a href="{0}" style="display:inline-block;padding:.6rem 1.4rem;border-radius:6px;background:#2f5aa8;color:#fff;'
    'font-weight:bold;text-decoration:none">{1}</a><br>'
    '<a href="{0}" style="font-size:.8rem;color:#5b6675">{0}</a>'
)


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
        subject = for_header(first)
        text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
        footer = self._footer(locale, facts)
        html = self._layout.render(
            subject=subject,
            locale=locale,
            paragraphs=_paragraphs(text, locale),
            footer=_linked(footer) if footer else "",
        )
        return Rendered(subject, f"{text}\n-- \n{footer}\n" if footer else text, html)

    def _footer(self, locale: str, facts: Mapping[str, Any]) -> str:
        if not facts.get("may_turn_off"):
            return ""
        return self._texts.get_template(f"{locale}/turn_off.txt").render(facts).strip()


def for_header(text: str) -> str:
    """Give a text that may stand in a mail's header: one line of visible letters, nothing that decodes to more.

    Python's `email` decodes an encoded word (`=?…?=`) that it finds in a header's text and writes out what was hidden
    in it, line breaks included (seen on 3.11).
    """
    visible = (" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    return " ".join("".join(visible).split()).replace("=?", "= ?")


def _paragraphs(text: str, locale: str) -> list[Markup]:
    """Escape each paragraph and turn its links into links; one that stands alone becomes a button above its address."""
    return [
        BUTTON.format(block, OPEN[locale]) if LINK.fullmatch(block) else _linked(block)
        for block in re.split(r"\n{2,}", text.strip())
    ]


def _linked(block: str) -> Markup:
    """Escape a paragraph and turn its links into links; a heading (`■ …`) and a code are set apart."""
    if block.startswith("■ "):
        return Markup('<strong style="display:block;margin-top:1.5rem">{}</strong>').format(block.removeprefix("■ "))
    if CODE.fullmatch(block):
        return Markup('<span style="font-size:1.6rem;letter-spacing:.3rem">{}</span>').format(block)
    parts: list[Markup] = []
    position = 0
    for found in LINK.finditer(block):
        address = escape(found.group())
        parts += [escape(block[position : found.start()]), ADDRESS.format(address)]
        position = found.end()
    parts.append(escape(block[position:]))
    return Markup("").join(parts).replace("\n", Markup("<br>\n"))
