"""fsck as one transaction sees the store, so that a change need not be committed to be looked at."""

from __future__ import annotations

from typing import Any

import psycopg

from services.admission.model import AdmissionSettings
from services.fsck.check import Told, examine, look_again
from services.fsck.finding import Report
from services.fsck.passes import check_events
from services.fsck.snapshot import Snapshot
from tests.support.signed_stories import GATEWAY, NETWORK


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
