"""`python -m services.processors`: one worker in this process; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.processors.judging import Judge
from services.processors.ledger_store import LedgerStore
from services.processors.ports import Admitter, Store
from services.processors.process import run
from services.processors.settings import WorkerSettings, admission_settings
from services.storage import points


def _store(settings: WorkerSettings, name: str) -> Store:
    return LedgerStore(settings.dsn.get_secret_value(), name)


def _judge(settings: WorkerSettings) -> Admitter:
    return Judge(admission_settings(settings.network))


if __name__ == "__main__":
    points.install_from(os.environ)
    run(_store, _judge)
