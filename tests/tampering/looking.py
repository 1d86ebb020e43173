"""fsck as one transaction sees the store, so that a change need not be committed to be looked at."""

from __future__ import annotations

from typing import Any

import psycopg

from services.audit.fsck.check import Told, examine, look_again
from services.audit.fsck.passes import check_events
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Report
from services.ledger.admission.model import AdmissionSettings
from tests.signed.telling import GATEWAY, NETWORK


def look(session: psycopg.Connection[Any]) -> Report:
    """The report on what ``session`` sees, its own changes among it; patience is none. Raises GenerationMoved."""
    settings = AdmissionSettings(NETWORK, frozenset({GATEWAY}))
    snapshot = Snapshot(session)
    notebook, evidence, stale = examine(
        snapshot,
        NETWORK,
        Told(None),
        lambda history, ranges: check_events("", snapshot, settings, history, ranges, processes=1),
    )
    waiting = look_again(snapshot, evidence, stale, notebook, last=True)
    return notebook.report(0.0, len(waiting))
