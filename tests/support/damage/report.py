"""fsck as one transaction sees the store, so that a change need not be committed to be looked at."""

from __future__ import annotations

from typing import Any

import psycopg

from services.audit.fsck.check import examine, recheck
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Report, ThrottledProgress
from services.ledger.admission.model import AdmissionSettings
from tests.support.signed_stories import GATEWAY, NETWORK


def look(session: psycopg.Connection[Any]) -> Report:
    """The report on what ``session`` sees, its own changes among it; patience is none. Raises GenerationMoved."""
    settings = AdmissionSettings(NETWORK, frozenset({GATEWAY}))
    snapshot = Snapshot(session)
    findings, evidence, stale = examine(snapshot, settings, ThrottledProgress(None))
    waiting = recheck(snapshot, evidence, stale, findings, last=True)
    return findings.report(0.0, len(waiting))
