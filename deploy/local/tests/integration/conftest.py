import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that, unlike pytest's own, other accounts can be let into."""
    path = Path(tempfile.mkdtemp(prefix="portal-local-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)
