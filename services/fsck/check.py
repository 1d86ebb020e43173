"""The whole check: everything stored, recomputed from the bytes as published, in one consistent picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from services.admission.model import AdmissionSettings
from services.fsck.apart import Credit, credit_apart, credit_of
from services.fsck.cases import check_cases
from services.fsck.consignments import ConsignmentPass, consignments
from services.fsck.dead_letters import check_letters
from services.fsck.events import Range, lowest_number, plan, withdrawals
from services.fsck.evidence import Evidence
from services.fsck.financing import check_financing
from services.fsck.finding import Notebook, Progress, Report
from services.fsck.groups import check_groups, expected_groups
from services.fsck.ledger import check_ledger, check_terms
from services.fsck.link_ends import check_link_ends
from services.fsck.liveness import check_liveness, expected_dead
from services.fsck.names import Names
from services.fsck.neighbourhood import Surveyor
from services.fsck.passes import Found, check_events
from services.fsck.registers import check_possession, check_registry, read_history
from services.fsck.snapshot import Snapshot
from services.fsck.traces import check_traces
from services.fsck.trains import check_trains
from services.fsck.unsettled import unsettled
from services.registry.as_of import RegistryHistory

RANGE = 2_000
"""Events that are held in memory at once."""
Events = Callable[[RegistryHistory, Sequence[Range]], Iterable[Found]]
EVERY = 1.0
"""Seconds between two calls of ``progress``."""


def fsck(
    dsn: str,
    network: str,
    progress: Progress | None = None,
    *,
    gateway_topics: frozenset[str] = frozenset(),
    processes: int = 1,
    patience: float = 10.0,
) -> Report:
    """Recompute everything from the stored bytes and report what differs; blocks, changes nothing.

    Runs beside workers, in one snapshot. Heads that they have yet to settle are looked at again for ``patience``
    seconds; what is still unsettled then is counted in ``waiting``. ``processes`` above 1 share the pass over the
    events, and another looks at the credit signals meanwhile. Memory grows with corrections, dead events, groups and damage, not with events.
    Raises GenerationMoved where the state folds by other rules than this process, psycopg.Error.
    """
    started = time.monotonic()
    settings = AdmissionSettings(network, gateway_topics)
    told = Told(progress)
    with Snapshot.open(dsn) as snapshot, credit_apart(dsn, snapshot, processes) as credit:
        notebook, evidence, stale = examine(
            snapshot,
            network,
            told,
            lambda history, ranges: check_events(dsn, snapshot, settings, history, ranges, processes),
            credit,
        )
    waiting = _again(dsn, evidence, stale, notebook, patience) if stale else 0
    return notebook.report(time.monotonic() - started, waiting)


def examine(
    snapshot: Snapshot, network: str, told: Told, events: Events, credit: Credit | None = None
) -> tuple[Notebook, Evidence, list[bytes]]:
    """Everything in ``snapshot``: findings, evidence, and consignments that workers have yet to settle.

    ``network`` is what decisions are signed for; ``events`` makes the pass over ranges of events, judged by the registry's
    history; ``credit`` tells what is wrong with the credit signals, if that is found out elsewhere.
    """
    notebook, evidence = Notebook(), Evidence()
    history = read_history(snapshot, notebook)
    check_registry(snapshot, history, notebook)
    check_possession(snapshot, history, network, notebook)
    ranges = plan(snapshot, RANGE)
    (total,) = snapshot.one("SELECT count(*) FROM lianyun.body")
    evidence.withdrawals += withdrawals(snapshot, below=lowest_number(snapshot))
    for found, collected in events(history, ranges):
        notebook.merge(found)
        evidence.merge(collected)
        told("events", notebook.counts["events"], total)
    told("financing", 0, 0)
    check_financing(snapshot, history, network, notebook)
    told("cases", 0, 0)
    check_cases(snapshot, history, network, notebook)
    stale = _derived(snapshot, evidence, notebook, told)
    told("credit signals", 0, 0)
    notebook.merge((credit or credit_of(snapshot))())
    return notebook, evidence, stale


def _derived(snapshot: Snapshot, evidence: Evidence, notebook: Notebook, told: Told) -> list[bytes]:
    """Everything that follows from the events; returns the consignments that workers have yet to settle."""
    waiting = unsettled(snapshot)
    notebook.counts["events_waiting"] += len(waiting.numbers | waiting.events)
    names = Names(snapshot)
    told("ledger", 0, 0)
    check_ledger(snapshot, lowest_number(snapshot), notebook)
    check_terms(snapshot, evidence.terms, notebook)
    told("dead letters", 0, 0)
    check_letters(snapshot, notebook)
    check_traces(snapshot, notebook)
    told("liveness", 0, 0)
    dead = expected_dead(snapshot, evidence)
    check_liveness(snapshot, evidence, dead, waiting, notebook, names)
    told("links", 0, 0)
    check_link_ends(snapshot, evidence, dead, waiting, notebook, names)
    told("trains", 0, 0)
    check_trains(snapshot, evidence, dead, waiting, notebook, names)
    groups = expected_groups(snapshot, evidence, dead)
    check_groups(snapshot, groups, waiting, notebook)
    surveyor = Surveyor(snapshot, evidence, dead)
    heads = ConsignmentPass(snapshot, surveyor, groups, waiting.consignments, notebook)
    (total,) = snapshot.one("SELECT count(*) FROM head")
    for chunk in consignments(snapshot):
        heads.check(chunk)
        told("consignments", notebook.counts["consignments"], total)
    return heads.stale


def _again(dsn: str, evidence: Evidence, stale: Sequence[bytes], notebook: Notebook, patience: float) -> int:
    """Look at ``stale`` consignments in younger snapshots until they are settled; how many were not in time."""
    left = list(stale)
    until = time.monotonic() + patience
    while left and time.monotonic() < until:
        time.sleep(0.2)
        with Snapshot.open(dsn) as snapshot:
            later = _younger(snapshot, evidence)
            dead = expected_dead(snapshot, later)
            waiting = unsettled(snapshot)
            groups = expected_groups(snapshot, later, dead)
            surveyor = Surveyor(snapshot, later, dead)
            heads = ConsignmentPass(snapshot, surveyor, groups, waiting.consignments, notebook)
            heads.check(left)
            left = heads.stale
    return len(left)


def _younger(snapshot: Snapshot, evidence: Evidence) -> Evidence:
    """The evidence with corrections and quarantine as the tables have them now: events may have come since."""
    known = {no for no, _ in evidence.withdrawals}
    later = Evidence(
        quarantined=dict(
            snapshot.rows("SELECT q.no, b.id FROM lianyun.quarantine q JOIN lianyun.body b USING (no)")
        ),
        damaged=evidence.damaged,
        repaired=evidence.repaired,
    )
    later.withdrawals = [*evidence.withdrawals, *(w for w in withdrawals(snapshot) if w[0] not in known)]
    return later


class Told:
    """Says how far the check is, about once a second."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._last = ("", 0.0)

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        known, at = self._last
        if self._progress is not None and (stage != known or now - at >= EVERY or done == total > 0):
            self._progress(stage, done, total)
            self._last = (stage, now)
