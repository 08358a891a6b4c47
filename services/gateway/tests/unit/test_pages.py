"""The pages the gateway serves itself: their scripts fit their elements, and none is written twice."""

import re
from importlib.resources import files

import pytest

from portal_gateway import pages
from portal_gateway.app import PAGES

FOLDER = files(pages)
TOLD_TWICE = 5
"""So many lines of a script may stand in another one too: what is longer belongs in a file of its own."""


def script(name: str) -> str:
    return (FOLDER / f"{name}.js").read_text("utf-8")


@pytest.mark.parametrize("scripts", PAGES.values(), ids=PAGES)
def test_a_script_looks_for_nothing_that_its_page_has_not(scripts):
    page = (FOLDER / f"{scripts[-1]}.html").read_text("utf-8")
    there = set(re.findall(r'id="([^"]+)"', page))
    wanted = {found for name in ("say", *scripts) for found in re.findall(r'getElementById\("([^"]+)"\)', script(name))}
    listed = re.search(r"\[([^\]]+)\]\.map\(\(id\)", script(scripts[-1]))
    wanted |= set(re.findall(r'"([^"]+)"', listed[1])) if listed else set()
    assert wanted
    assert wanted <= there


@pytest.mark.parametrize("scripts", PAGES.values(), ids=PAGES)
def test_no_script_repeats_another(scripts):
    def runs(name: str) -> set[str]:
        lines = script(name).splitlines()
        return {"\n".join(lines[at : at + TOLD_TWICE]) for at in range(len(lines) - TOLD_TWICE + 1)}

    others = {name for several in PAGES.values() for name in ("say", *several)} - {scripts[-1]}
    assert not [name for name in sorted(others) if runs(name) & runs(scripts[-1])]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_in_both_languages_and_kept_by_nobody(visitor, path):
    page = await visitor.get(path)
    assert page.headers["cache-control"] == "no-store"
    assert '<html lang="ja">' in page.text
    assert re.search(r'<h1>[^<]+<span lang="en">', page.text)
