"""A service that has hashed a password and waits: its test kills it."""

import asyncio

from portal_identity.password_hashing import Argon2Hasher


async def main() -> None:
    await Argon2Hasher().hash("a-long-and-fake-phrase")
    print("hashed", flush=True)  # noqa: T201 - its test waits for it
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
