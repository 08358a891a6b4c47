"""The settings and tables each README lists are those its member has: a reader must not have to look into the code."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from portal_contracts.problems import CATALOGUE
from portal_contracts.topology import SERVICES

ROOT = Path(__file__).parents[4]
READERS = {
    "chassis": "portal_chassis.settings",
    "connectors/clamd": "portal_clamd.settings",
    "connectors/salesforce": "portal_salesforce.settings",
    **{f"services/{name}": f"portal_{name}.settings" for name in SERVICES},
}
OURS = re.compile(r"\b(?:PORTAL|SF|WHMCS|FREEBIT|SENDGRID|SMTP|MAIL)_[A-Z0-9_]*[A-Z0-9]\b")
MADE = re.compile(r"^CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (\w+)", re.MULTILINE)
OF_TESTS = re.compile(r"^(?:PORTAL|FREEBIT|WHMCS)_TEST_")


def names_read_by(member: str) -> set[str]:
    package = READERS[member].partition(".")[0]
    modules = [f"{package}.{path.stem}" for path in (ROOT / member / "src" / package).glob("*settings.py")]
    found = [one for module in modules for one in vars(importlib.import_module(module)).values()]
    return {name for one in found for name in names_of(one)}


def names_of(found: object) -> Iterator[str]:
    if isinstance(found, type) and issubclass(found, BaseSettings) and found is not BaseSettings:
        prefix = found.model_config.get("env_prefix", "")
        for name, field in found.model_fields.items():
            yield str(field.validation_alias or f"{prefix}{name}").upper()


def readme(member: str) -> str:
    return (ROOT / member / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("member", READERS)
def test_a_readme_names_every_setting_its_member_reads(member: str) -> None:
    read = names_read_by(member)
    assert read
    assert read - set(OURS.findall(readme(member))) == set()


@pytest.mark.parametrize("member", READERS)
def test_a_readme_names_no_setting_that_nobody_reads(member: str) -> None:
    known = {name for other in READERS for name in names_read_by(other)} | CATALOGUE.keys()
    assert {name for name in OURS.findall(readme(member)) if not OF_TESTS.match(name)} - known == set()


@pytest.mark.parametrize("member", READERS)
def test_a_readme_names_every_table_its_member_makes(member: str) -> None:
    made = {name for path in (ROOT / member).glob("src/*/migrations/*.sql") for name in MADE.findall(path.read_text())}
    assert made - set(re.findall(r"\w+", readme(member))) == set()
