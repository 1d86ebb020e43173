"""A bank's client that is killed at a named point of its reservation: ``killed.py DSN POINT``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from services.processors.financing.store.desk import Desk
from services.processors.financing.store.versions import KeyRing
from services.storage import points
from services.storage.session import open_session
from tests.financing import crowd
from tests.financing.stored import SIGNER
from tests.financing.world import KEY


def main(dsn: str, point: str) -> None:
    def hook(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    points.install(hook)
    ask, on = crowd.reserve("KILL", 0, "abank", "killed")
    with open_session(dsn, "lianyun-test") as session:
        Desk(KeyRing([KEY]), SIGNER).decide(session, ask, on)
        session.commit()
        hook("after_commit")


main(sys.argv[1], sys.argv[2])
