"""Every mail the portal can send, as a phone shows it."""

import pytest

from portal_browser.visits import PHONE, Visit
from portal_notifications.preview import compose_examples

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

MISFIT = """() => {
  const wide = document.documentElement.scrollWidth > innerWidth;
  const links = [...document.querySelectorAll("a")];
  const torn = links.filter((link) => !/^https:/.test(link.href) || !link.innerText.trim());
  return [wide && "wider than the screen", ...torn.map((link) => link.outerHTML)].filter(Boolean);
}"""


async def test_every_mail_fits_a_phone_in_both_languages_and_fetches_nothing(browser) -> None:
    seen, misfits = 0, {}
    async with Visit(browser, "", width=PHONE) as there:
        for name, (_, mails) in (await compose_examples()).items():
            for locale, mail in mails.items():
                await there.page.set_content(mail.html)
                if misfit := await there.page.evaluate(MISFIT):
                    misfits[f"{name}.{locale}"] = misfit
                seen += 1
        assert there.complaints == []
    assert misfits == {}
    assert seen > 70
