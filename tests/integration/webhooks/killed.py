"""A webhooks process that is killed at a named point the ``n``-th time it gets there: ``killed.py POINT N``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from services.ledger.storage.session import Session
from services.notifications.webhooks import outbox
from services.notifications.webhooks.process import work
from services.notifications.webhooks.settings import WebhookSettings


def main(point: str, times: int) -> None:
    left = times

    def hook(name: str) -> None:
        nonlocal left
        left -= name == point
        if name == point and left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    put = outbox.put_messages

    def putting(session: Session, messages: list[outbox.Message]) -> int:
        done = put(session, messages)
        if done:
            hook("put")  # messages are put down, nothing is committed
        return done

    outbox.put_messages = putting  # type: ignore[assignment]
    asyncio.run(work(WebhookSettings(), asyncio.Event(), hook))


main(sys.argv[1], int(sys.argv[2]))
