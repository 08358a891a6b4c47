import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that, unlike pytest's own, other accounts can be let into."""
    path = Path(tempfile.mkdtemp(prefix="portal-local-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """The test leaves no process behind."""
    before = set(psutil.Process().children(recursive=True))
    yield
    after = set(psutil.Process().children(recursive=True)) - before
    assert not [one for one in after if one.status() != psutil.STATUS_ZOMBIE]
