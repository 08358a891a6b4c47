#!/app/bin/python -I
"""The images' entry: takes secrets from files, then becomes the process.

Every file of PORTAL_SECRETS_DIR whose name could be a variable's (`PORTAL_DATABASE_URL`) is that variable from here on,
so that no secret stands in a container's environment, where `docker inspect` shows it (R303). A set variable wins. The
first argument names another module than the image's own: `portal_identity.first_operator --email …`.
"""

import os
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from runpy import run_module
from typing import Final

_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]*")


def take_secrets(directory: Path, environment: MutableMapping[str, str]) -> None:
    """Add what the directory's files say, without the line break at their end; nothing when there is no directory."""
    if not directory.is_dir():
        return
    for file in sorted(directory.iterdir()):
        if _VARIABLE.fullmatch(file.name):
            environment.setdefault(file.name, file.read_text(encoding="utf-8").strip())


def main() -> None:
    """Run the module as `python -m` would, in this very process: signals reach it."""
    take_secrets(Path(os.environ["PORTAL_SECRETS_DIR"]), os.environ)
    module, *arguments = sys.argv[1:] or [os.environ["PORTAL_MODULE"]]
    sys.argv = [module, *arguments]
    run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
