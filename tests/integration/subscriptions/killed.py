"""A notifications process that is killed at a named point the ``n``-th time it gets there: ``killed.py POINT N``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from services.pages.subscriptions import store
from services.pages.subscriptions.process import run
from services.pages.subscriptions.settings import NotificationSettings


def main(point: str, times: int) -> None:
    left = times

    def hook(name: str) -> None:
        nonlocal left
        left -= name == point
        if name == point and left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    put = store.put_notice

    def putting(*given: Any, **named: Any) -> None:
        put(*given, **named)
        hook("noticed")  # a notice is put down, nothing is committed

    store.put_notice = putting
    run(NotificationSettings(), at_point=hook)


main(sys.argv[1], int(sys.argv[2]))
