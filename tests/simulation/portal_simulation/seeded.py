import random


def seeded(seed: int | str) -> random.Random:
    """Give a source of chance that says the same again for the same seed."""
    return random.Random(seed)  # noqa: S311 - nothing here is a secret
