"""A bank's clients that are killed at a named point of their reservations: ``killed.py DSN POINT [MARK COUNT]``.

One in a transaction that it commits itself; with a count so many in one transaction of the desk.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from services.financing.store.decision_service import DecisionService
from services.financing.store.fingerprint_versions import KeyRing
from services.ledger.storage import points
from services.ledger.storage.session import open_session
from tests.support.financing import crowd
from tests.support.financing.stored_world import SIGNER
from tests.support.financing.world import KEY


def main(dsn: str, point: str, mark: str = "KILL", count: str = "") -> None:
    def hook(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    points.install(hook)
    desk = DecisionService(KeyRing([KEY]), SIGNER)
    requests = [crowd.reserve(mark, number, "abank", "killed") for number in range(int(count or 1))]
    with open_session(dsn, "lianyun-test") as session:
        if count:
            session.autocommit = True
            desk.decide_all(session, requests, whole=True)
        else:
            desk.decide(session, *requests[0])
            session.commit()
        hook("after_commit")


main(*sys.argv[1:])
