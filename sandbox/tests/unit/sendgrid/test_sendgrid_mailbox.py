"""The mailbox pages: what a person sees, and what foreign HTML cannot do there."""

from portal_sandbox.sendgrid.mailbox import with_links


async def test_the_list_shows_newest_first_and_can_be_narrowed(sendgrid):
    await sendgrid.send(subject="first")
    await sendgrid.send(subject="second")
    page = (await sendgrid.http.get("/mailbox")).text
    assert page.index("second") < page.index("first")
    assert "first" not in (await sendgrid.http.get("/mailbox", params={"subject": "SECOND"})).text


async def test_a_message_shows_text_and_html_side_by_side_with_links(sendgrid):
    await sendgrid.send()
    (kept,) = await sendgrid.messages()
    page = (await sendgrid.http.get(f"/mailbox/{kept['id']}")).text
    assert '<a href="https://portal.example.jp/reset?token=abc&amp;n=1" target="_blank"' in page
    assert f'src="/mailbox/{kept["id"]}/html" sandbox="allow-popups allow-popups-to-escape-sandbox"' in page


async def test_the_html_part_is_shut_off_from_the_page_around_it(sendgrid):
    await sendgrid.send()
    answer = await sendgrid.http.get("/mailbox/1/html")
    assert '<a href="https://portal.example.jp/reset">' in answer.text
    assert answer.text.startswith('<base target="_blank">')
    assert "script-src 'none'" in answer.headers["content-security-policy"]


async def test_what_a_mail_says_is_escaped_on_the_page(sendgrid):
    await sendgrid.send(
        subject="<script>alert(1)</script>", content=[{"type": "text/plain", "value": "<b>no</b> http://a.example/<"}]
    )
    page = (await sendgrid.http.get("/mailbox/1")).text
    assert "<script>alert" not in page
    assert "&lt;b&gt;no" in page


async def test_an_unknown_message_is_404(sendgrid):
    assert (await sendgrid.http.get("/mailbox/9")).status_code == 404
    assert (await sendgrid.http.get("/mailbox/9/html")).status_code == 404
    assert (await sendgrid.http.get("/_sim/messages", params={"after": "x"})).status_code == 400


def test_a_full_stop_behind_a_link_does_not_belong_to_it():
    assert with_links("see https://a.example/x?y=1.") == [
        ("see ", False),
        ("https://a.example/x?y=1", True),
        (".", False),
    ]
