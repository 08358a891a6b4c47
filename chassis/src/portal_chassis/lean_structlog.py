"""structlog, without what it takes along where it happens to be installed: 5 MB in every process of a checkout.

It looks for `rich` (and with it `pygments`) and for `greenlet`, for output we do not use. An image has neither.
"""

import sys
from typing import Final

_NOT_TAKEN_ALONG: Final = ("rich", "greenlet")

_hidden = [name for name in _NOT_TAKEN_ALONG if name not in sys.modules]
sys.modules.update(dict.fromkeys(_hidden))  # type: ignore[arg-type]  # None: as if it were not installed
try:
    import structlog
finally:
    for name in _hidden:
        del sys.modules[name]

__all__ = ["structlog"]
