import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def events():
    """The module beside this file: tests are no package, so it is loaded by its place."""
    place = Path(__file__).with_name("salesforce_events.py")
    spec = importlib.util.spec_from_file_location("changefeed_salesforce_events", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
