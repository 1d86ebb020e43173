"""What an API process does again and again: what it waits for is tried again, anything else ends the process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

from services.api.background import periodically

ENDLESS = """
import asyncio
from services.api.background import periodically

async def main():
    async with periodically(lambda: 1 / 0, 0.0, (LookupError,), "it failed", "test"):
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_an_unexpected_error_ends_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", ENDLESS], timeout=50, capture_output=True, check=False)
    assert done.returncode == -signal.SIGTERM
    assert b"it failed; this process ends" in done.stderr
    assert b"ZeroDivisionError" in done.stderr


def test_what_it_waits_for_is_tried_again() -> None:
    tried: list[int] = []

    def work() -> None:
        tried.append(1)
        raise LookupError

    async def main() -> None:
        async with periodically(work, 0.0, (LookupError,), "it failed", "test"):
            while len(tried) < 3:
                await asyncio.sleep(0.01)

    asyncio.run(main())
    assert len(tried) >= 3
