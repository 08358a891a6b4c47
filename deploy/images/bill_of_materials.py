# ruff: noqa: INP001 - a script that runs while an image is built
"""Completes an image's bill of materials: Debian packages beside the Python ones, and both with licences as text.

`bill_of_materials.py <CycloneDX JSON> <dpkg status> <folder>` writes `bill-of-materials.cdx.json` and `licences.txt`.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def debian_components(status: str) -> list[dict[str, Any]]:
    """Give the installed packages of a dpkg status file as CycloneDX components."""
    return [_component(fields) for fields in map(_fields, status.split("\n\n")) if _is_installed(fields)]


def _fields(paragraph: str) -> dict[str, str]:
    lines = (line.partition(": ") for line in paragraph.splitlines() if not line.startswith(" "))
    return {name: value for name, _, value in lines}


def _is_installed(fields: dict[str, str]) -> bool:
    return fields.get("Status", "").endswith(" installed")


def _component(fields: dict[str, str]) -> dict[str, Any]:
    name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
    url = f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}?arch={architecture}"
    return {"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url}


def licence_lines(components: Iterable[dict[str, Any]]) -> list[str]:
    """Say each component's licence in one line."""
    return sorted(f"{one['name']} {one.get('version', '')}: {_licence(one)}" for one in components)


def _licence(component: dict[str, Any]) -> str:
    if component.get("purl", "").startswith("pkg:deb/"):
        return f"/usr/share/doc/{component['name']}/copyright"
    names = [_licence_name(one) for one in component.get("licenses", [])]
    return ", ".join(dict.fromkeys(name for name in names if name)) or "our own"


def _licence_name(entry: dict[str, Any]) -> str:
    licence = entry.get("license", {})
    return str(entry.get("expression") or licence.get("id") or licence.get("name") or "")


def main(bill_path: Path, status_path: Path, folder: Path) -> None:
    """Read both lists and write the two files."""
    bill = json.loads(bill_path.read_text(encoding="utf-8"))
    bill["components"] = [*bill.get("components", []), *debian_components(status_path.read_text(encoding="utf-8"))]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bill-of-materials.cdx.json").write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    (folder / "licences.txt").write_text("\n".join(licence_lines(bill["components"])) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
