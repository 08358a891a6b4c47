"""Freebit's MVNO API as far as it is known; what is unknown is assumed as in the reference page, marked [A] there."""
