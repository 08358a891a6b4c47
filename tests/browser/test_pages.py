"""Every page the gateway serves: quiet, in both languages, on a phone, and by keyboard alone."""

import pytest

from portal_browser.visits import DESKTOP, ENGLISH, JAPANESE, PHONE
from portal_gateway.app import PAGES

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

STOPS = 12
"""So often the Tab key is pressed; the documentation has hundreds of stops."""
MAILED = [path for path, scripts in PAGES.items() if "mailed_link" in scripts]
ADDRESSES = ["/docs", *PAGES, *(f"{path}?token=example-token-example-token" for path in MAILED)]
FACTS = """() => {
  const shown = (kinds) => [...document.querySelectorAll(kinds)].filter((one) => one.checkVisibility());
  const named = (one) => one.getAttribute("aria-label") || one.textContent.trim()
    || [...(one.labels || [])].map((label) => label.innerText).join("");
  const controls = shown("a[href], button:not(:disabled), input, select, textarea, summary");
  return {
    language: document.documentElement.lang,
    titled: Boolean(document.title),
    headings: shown("h1").length,
    overflow: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    nameless: controls.filter((one) => !named(one)).map((one) => one.outerHTML),
    reachable: controls.map(named),
  };
}"""
NOTE_STOPS = """() => {
  window.stops = [];
  addEventListener("focusin", ({ target }) => window.stops.push([
    target.getAttribute("aria-label") || target.textContent.trim()
      || [...(target.labels || [])].map((label) => label.innerText).join(""),
    getComputedStyle(target).outlineStyle,
  ]));
}"""


@pytest.mark.parametrize(("language", "width"), [(JAPANESE, PHONE), (ENGLISH, DESKTOP)])
async def test_every_page_is_quiet_labelled_fits_the_screen_and_is_reached_by_the_tab_key(
    visit, language: str, width: int
) -> None:
    async with visit(language, width) as there:
        for address in ADDRESSES:
            await there.open(address)
            facts = await there.page.evaluate(FACTS)
            reachable = facts.pop("reachable")[:STOPS]
            written_in = "en" if address == "/docs" else "ja"
            expected = {"language": written_in, "titled": True, "headings": 1, "overflow": 0, "nameless": []}
            assert facts == expected, address
            assert "token=" not in there.page.url, "a mailed token stays neither in the bar nor in the history"
            await there.page.evaluate(NOTE_STOPS)
            for _ in reachable:
                await there.page.keyboard.press("Tab")
            stops = await there.page.evaluate("window.stops")
            assert [name for name, _ in stops] == reachable, address
            assert all(outline != "none" for _, outline in stops), address
            assert there.complaints == [], address


async def test_what_a_page_may_not_do_is_noticed_here(visit) -> None:
    async with visit() as there:
        await there.open("/auth/passkey")
        await there.page.evaluate("fetch('http://elsewhere.example/').catch(() => undefined)")
        await there.page.evaluate("document.body.append(Object.assign(new Image(), {src: '/docs'}))")
        await there.page.evaluate("console.error('wrong')")
        told = "\n".join(there.complaints)
        assert "policy: connect-src http://elsewhere.example/" in told
        assert "policy: img-src" in told
        assert "error: wrong" in told
