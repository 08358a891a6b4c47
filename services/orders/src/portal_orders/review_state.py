"""What a review under way knows, apart from the review itself: whoever sees an order first starts one."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel

REVIEW: Final = "order_review"


class ReviewState(BaseModel):
    """An order that waits for staff, and by when they mean to have looked at it."""

    order_id: str
    account_id: str
    due_by: datetime | None = None
    priority: bool = False
    late: bool = False
    """Whether it was said already that staff are late."""
