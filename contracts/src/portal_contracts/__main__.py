"""`python -m portal_contracts write|check [root]`: write the generated documents, or say which are stale."""

import sys
from pathlib import Path

from portal_contracts.documents import documents


def main(arguments: list[str]) -> int:
    """Write or check; a check names each stale file and ends with 1."""
    action = arguments[0] if arguments else "check"
    root = Path(arguments[1] if len(arguments) > 1 else ".")
    stale = {path: text for path, text in documents(root).items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        if action == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        sys.stdout.write(f"{'written' if action == 'write' else 'stale'}: {path}\n")
    if stale and action != "write":
        sys.stdout.write("run `make documents` to write them\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
