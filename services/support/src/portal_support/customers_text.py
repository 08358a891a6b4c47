"""Where a customer's words end in the description of a case, which staff go on writing in (R195). No I/O."""

from typing import Final

END_LINE: Final = "--- お客様の文はここまで / end of the customer's text, staff write below ---"


def with_end_line(text: str) -> str:
    """Give what is written to the org: the words, and the line that staff's own notes follow."""
    return f"{text}\n\n{END_LINE}\n"


def before_end_line(description: str | None) -> str:
    """Give the customer's words of a description; nothing when the line is gone, for nobody knows then whose it is."""
    words, line, _ = (description or "").partition(END_LINE)
    return words.rstrip() if line else ""
