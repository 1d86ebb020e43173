"""The whole check: everything stored, recomputed from the bytes as published, in one consistent picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from services.audit.fsck.access_log import check_access_log
from services.audit.fsck.cases import check_cases
from services.audit.fsck.consignments import ConsignmentPass, consignments
from services.audit.fsck.dead_letters import check_letters
from services.audit.fsck.earlier import Earlier
from services.audit.fsck.events import Range, lowest_number, plan, withdrawals
from services.audit.fsck.evidence import Evidence
from services.audit.fsck.financing import check_financing
from services.audit.fsck.finding import Damage, Notebook, Progress, Report
from services.audit.fsck.groups import Group, check_groups, expected_groups
from services.audit.fsck.ledger import check_ledger, check_terms
from services.audit.fsck.link_ends import check_link_ends
from services.audit.fsck.liveness import Dead, check_liveness, expected_dead
from services.audit.fsck.names import Names
from services.audit.fsck.neighbourhood import Surveyor
from services.audit.fsck.passes import Found, attempt, check_events
from services.audit.fsck.registers import check_possession, check_registry, read_history
from services.audit.fsck.release import check_release
from services.audit.fsck.snapshot import Snapshot
from services.audit.fsck.subprocess_pass import Credit, credit_apart, credit_of
from services.audit.fsck.traces import check_traces
from services.audit.fsck.trail import check_trail
from services.audit.fsck.trains import check_trains
from services.audit.fsck.unsettled import Unsettled, unsettled
from services.audit.fsck.webhooks import check_webhooks
from services.ledger.admission.model import AdmissionSettings
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage.errors import GenerationMoved

RANGE = 2_000
"""Events that are held in memory at once."""
_GENERATION = "Check with the release that made this state, or build it anew by this one: `lianyun replay`."
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
    What cannot be read is a finding, and so is a state that folds by other rules than this process: raises only what is
    wrong with the infrastructure (psycopg.OperationalError, OSError).
    """
    started = time.monotonic()
    settings = AdmissionSettings(network, gateway_topics)
    told = Told(progress)
    try:
        opened = Snapshot.open(dsn)
    except GenerationMoved as moved:
        notebook = Notebook()
        notebook.add(Damage.GENERATION, "generation", "state", moved, "a state of this release", _GENERATION)
        return notebook.report(time.monotonic() - started)
    with opened as snapshot, credit_apart(dsn, snapshot, processes) as credit:
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

    def pass_over(what: str, work: Callable[[], None]) -> None:
        attempt(snapshot, notebook, what, work, None)

    history = attempt(
        snapshot, notebook, "registry_event", lambda: read_history(snapshot, notebook), RegistryHistory(())
    )
    pass_over("tables of the registry", lambda: check_registry(snapshot, history, notebook))
    pass_over("proofs of keys", lambda: check_possession(snapshot, history, network, notebook))
    pass_over("migration and reference tables", lambda: check_release(snapshot, notebook))
    pass_over("audit_trail and the registers", lambda: check_trail(snapshot, notebook))
    pass_over("access_log and api_answer", lambda: check_access_log(snapshot, notebook))
    pass_over("tables of webhooks", lambda: check_webhooks(snapshot, notebook))
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
    pass_over("tables of cases", lambda: check_cases(snapshot, history, network, notebook))
    stale = _derived(snapshot, evidence, notebook, told)
    told("credit signals", 0, 0)
    notebook.merge((credit or credit_of(snapshot))())
    return notebook, evidence, stale


def _derived(snapshot: Snapshot, evidence: Evidence, notebook: Notebook, told: Told) -> list[bytes]:
    """Everything that follows from the events; returns the consignments that workers have yet to settle."""

    def pass_over(stage: str, what: str, work: Callable[[], None]) -> None:
        told(stage, 0, 0)
        attempt(snapshot, notebook, what, work, None)

    waiting = attempt(snapshot, notebook, "pending", lambda: unsettled(snapshot), Unsettled())
    notebook.counts["events_waiting"] += len(waiting.numbers | waiting.events)
    names = Names(snapshot)
    lowest = lowest_number(snapshot)
    pass_over(
        "ledger", "kafka_offset, batch, body and identity", lambda: check_ledger(snapshot, lowest, notebook)
    )
    pass_over("ledger", "term", lambda: check_terms(snapshot, evidence.terms, notebook))
    pass_over("dead letters", "dead_letter", lambda: check_letters(snapshot, notebook))
    pass_over("dead letters", "event_trace", lambda: check_traces(snapshot, notebook))
    dead = attempt(
        snapshot,
        notebook,
        "withdrawal and variant",
        lambda: expected_dead(snapshot, evidence),
        Dead({}, frozenset()),
    )
    earlier = Earlier(snapshot, evidence, waiting)
    deaths = attempt(snapshot, notebook, "pending", earlier.deaths, [dead]) if waiting else [dead]
    pass_over(
        "liveness",
        "dead",
        lambda: check_liveness(snapshot, evidence, dead, deaths, waiting, notebook, names),
    )
    pass_over("links", "link", lambda: check_link_ends(snapshot, evidence, dead, waiting, notebook, names))
    pass_over(
        "trains",
        "train_head",
        lambda: check_trains(snapshot, evidence, dead, earlier, waiting, notebook, names),
    )
    nobody: Mapping[bytes, Group] = {}
    groups = attempt(
        snapshot, notebook, "link and founding", lambda: expected_groups(snapshot, evidence, dead), nobody
    )
    pass_over(
        "consignments", "canonical", lambda: check_groups(snapshot, groups, earlier.groups, waiting, notebook)
    )
    heads = ConsignmentPass(
        snapshot, Surveyor(snapshot, evidence, dead), groups, waiting.consignments, notebook
    )

    def check_heads() -> None:
        (total,) = snapshot.one("SELECT count(*) FROM head")
        for chunk in consignments(snapshot):
            heads.check(chunk)
            told("consignments", notebook.counts["consignments"], total)

    pass_over("consignments", "reach and head", check_heads)
    return heads.stale


def _again(dsn: str, evidence: Evidence, stale: Sequence[bytes], notebook: Notebook, patience: float) -> int:
    """Look at ``stale`` consignments in younger snapshots until they are settled; how many were not in time.

    Of these the ones that no missed transaction explains are damage.
    """
    left = list(stale)
    until = time.monotonic() + patience
    while True:
        last = time.monotonic() >= until
        with Snapshot.open(dsn) as snapshot:
            look = partial(look_again, snapshot, evidence, left, notebook, last=last)
            left = attempt(snapshot, notebook, "rows around consignments that wait", look, [])
        if not left or last:
            return len(left)
        time.sleep(0.2)


def look_again(
    snapshot: Snapshot, evidence: Evidence, stale: Sequence[bytes], notebook: Notebook, *, last: bool
) -> list[bytes]:
    """Those of ``stale`` that wait to be settled in this snapshot, too; where it is the ``last``, what nothing explains is put down."""
    later = _younger(snapshot, evidence)
    dead = expected_dead(snapshot, later)
    waiting = unsettled(snapshot)
    groups = expected_groups(snapshot, later, dead)
    surveyor = Surveyor(snapshot, later, dead)
    heads = ConsignmentPass(snapshot, surveyor, groups, waiting.consignments, notebook)
    heads.check(stale)
    return heads.explained(heads.stale, Earlier(snapshot, later, waiting)) if last else heads.stale


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
