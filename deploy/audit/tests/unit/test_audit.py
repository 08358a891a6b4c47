import datetime as dt
from email import message_from_string
from pathlib import Path

import httpx
import pytest

from portal_audit.accepted import Accepted
from portal_audit.licences import Licensed, licence_of, page, refusal
from portal_audit.locked import Package, locked_packages
from portal_audit.system_packages import security_fixes
from portal_audit.vulnerabilities import ask

ROOT = Path(__file__).parents[4]
PACKAGE = Package("thing", "1.0", runs=True)

LOCK = """
[[package]]
name = "portal-orders"
version = "0.1.0"
source = { editable = "services/orders" }
dependencies = [{ name = "used" }]
[package.dev-dependencies]
dev = [{ name = "tool" }]
[[package]]
name = "used"
version = "2.0"
source = { registry = "x" }
dependencies = [{ name = "deeper" }]
[[package]]
name = "deeper"
version = "3.0"
source = { registry = "x" }
[[package]]
name = "tool"
version = "4.0"
source = { registry = "x" }
"""


def test_what_a_member_needs_is_told_from_what_developers_need(tmp_path):
    lock = tmp_path / "uv.lock"
    lock.write_text(LOCK)
    assert locked_packages(lock) == [
        Package("deeper", "3.0", runs=True),
        Package("tool", "4.0", runs=False),
        Package("used", "2.0", runs=True),
    ]


@pytest.mark.parametrize(
    "licence",
    [
        "AGPL-3.0-only",
        "GPL-2.0-or-later",
        "GNU General Public License v3 (GPLv3)",
        "GNU Affero General Public License v3",
        "SSPL-1.0",
        "BUSL-1.1",
        "Proprietary",
        "CC-BY-NC-4.0",
        "",
    ],
)
def test_a_forbidden_or_unknown_licence_is_refused(licence):
    assert refusal(Licensed(PACKAGE, licence))


@pytest.mark.parametrize(
    "licence",
    [
        "MIT",
        "Apache-2.0 OR GPL-3.0-only",
        "LGPL-2.1-or-later",
        "GPL-3.0-only WITH GCC-exception-3.1",
        "MPL-2.0",
        "PSF-2.0",
    ],
)
def test_what_may_be_chosen_or_excepted_passes(licence):
    assert refusal(Licensed(PACKAGE, licence)) is None


def test_a_licence_is_read_from_whatever_the_metadata_says():
    assert licence_of(message_from_string("License-Expression: MIT OR Apache-2.0\n")) == "MIT OR Apache-2.0"
    assert licence_of(message_from_string("License: Apache 2.0\n")) == "Apache-2.0"
    assert (
        licence_of(
            message_from_string(f"License: {'long text ' * 20}\nClassifier: License :: OSI Approved :: MIT License\n")
        )
        == "MIT"
    )
    assert licence_of(message_from_string("Classifier: License :: OSI Approved\n")) == ""


def test_every_locked_package_is_on_the_page():
    """Write it with `make documents` after a change of the lock file."""
    rows = {tuple(line.split(" | ")[:2]) for line in (ROOT / "docs" / "licences.md").read_text().splitlines()}
    missing = [one for one in locked_packages(ROOT / "uv.lock") if (f"| {one.name}", one.version) not in rows]
    assert missing == []
    assert "| thing | 1.0 | MIT (because) | the portal |" in page([Licensed(PACKAGE, "MIT")], {"thing": "because"})


def index(pages):
    def answer(request):
        body = pages.get(request.url.path)
        return httpx.Response(404) if body is None else httpx.Response(200, json=body)

    return httpx.AsyncClient(base_url="https://index.invalid", transport=httpx.MockTransport(answer))


def entry(name, *aliases, **more):
    return {
        "id": name,
        "aliases": list(aliases),
        "fixed_in": ["1.1"],
        "details": "bad\n thing",
        "withdrawn": None,
    } | more


async def test_one_hole_of_two_databases_is_one_and_a_withdrawn_one_none():
    entries = [entry("PYSEC-1", "CVE-1"), entry("GHSA-1", "CVE-1"), entry("PYSEC-2", withdrawn="2026-01-01")]
    pages = {"/pypi/thing/1.0/json": {"info": {"version": "1.0"}, "vulnerabilities": entries}}
    async with index(pages) as client:
        answer = await ask([PACKAGE], client)
    assert [(one.names, one.fixed_in, one.details) for one in answer.found] == [
        (("CVE-1", "PYSEC-1"), ("1.1",), "bad thing")
    ]
    assert answer.unknown == []


async def test_a_mirror_that_knows_the_newest_version_alone_says_nothing_of_another():
    """Silence is never taken for health."""
    newest = Package("other", "2.0", runs=True)
    pages = {
        "/pypi/thing/json": {"info": {"version": "1.1"}, "vulnerabilities": []},
        "/pypi/other/json": {"info": {"version": "2.0"}, "vulnerabilities": []},
    }
    async with index(pages) as client:
        answer = await ask([PACKAGE, newest], client)
    assert answer.unknown == [PACKAGE]


def test_only_fixes_of_the_security_suite_count():
    simulation = """Reading package lists...
Inst libssl3 [3.0.15-1~deb12u1] (3.0.17-1~deb12u3 Debian-Security:12/oldstable-security [amd64])
Inst tzdata [2025a-0+deb12u1] (2025b-0+deb12u2 Debian:12.12/oldstable [all])
Conf libssl3 (3.0.17-1~deb12u3 Debian-Security:12/oldstable-security [amd64])
"""
    assert security_fixes(simulation) == ["libssl3 3.0.15-1~deb12u1 -> 3.0.17-1~deb12u3"]


def test_an_acceptance_ends_on_its_day(tmp_path):
    path = tmp_path / "accepted.toml"
    path.write_text('[vulnerabilities.CVE-1]\nreason = "not reached"\nuntil = 2027-01-31\n')
    assert Accepted.read(path, dt.date(2027, 1, 30)).vulnerabilities == {"CVE-1": "not reached"}
    assert Accepted.read(path, dt.date(2027, 1, 31)).vulnerabilities == {}
