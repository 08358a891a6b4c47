# ruff: noqa: INP001 - a script that runs while an image is built
"""`locked.py <uv.lock> <package>…` writes requirement lines with the lock's versions and hashes of these packages."""

import sys
import tomllib
from pathlib import Path


def requirements(lock: str, names: list[str]) -> list[str]:
    """Give one line per package, in the lock's order; KeyError for one that is not locked."""
    packages = {package["name"]: package for package in tomllib.loads(lock)["package"]}
    return [_line(packages[name]) for name in names]


def _line(package: dict[str, object]) -> str:
    wheels = package["wheels"]
    if not isinstance(wheels, list):
        raise TypeError(f"{package['name']} has no wheels")
    return " ".join([f"{package['name']}=={package['version']}", *(f"--hash={wheel['hash']}" for wheel in wheels)])


if __name__ == "__main__":
    sys.stdout.write("\n".join(requirements(Path(sys.argv[1]).read_text(encoding="utf-8"), sys.argv[2:])) + "\n")
