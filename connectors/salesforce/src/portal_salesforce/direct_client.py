"""simple-salesforce without its metadata API, which nobody here uses: it alone brings zeep and lxml.

Those are ten megabytes for each process, and most of the half second that the import would take.
"""

import sys
from types import ModuleType
from typing import Final

_METADATA: Final = "simple_salesforce.metadata"


def _nothing() -> ModuleType:
    """Give a module with the one name that simple-salesforce imports from it."""
    empty = ModuleType(_METADATA)
    vars(empty)["SfdcMetadataApi"] = None
    return empty


sys.modules.setdefault(_METADATA, _nothing())

from simple_salesforce.api import Salesforce as DirectClient  # noqa: E402 - after the line above
from simple_salesforce.exceptions import SalesforceError  # noqa: E402 - the same

__all__ = ["DirectClient", "SalesforceError"]
