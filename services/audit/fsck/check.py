"""The whole check: everything stored, recomputed from the bytes as published, in one consistent snapshot."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from services.audit.fsck.arrival import check_arrival
from services.audit.fsck.backlog import Backlog, read_backlog
from services.audit.fsck.cases import check_cases
from services.audit.fsck.consignments import ConsignmentPass, consignments
from services.audit.fsck.credit import check_credit
from services.audit.fsck.dead_letters import check_dead_letters
from services.audit.fsck.document_exchange import check_exchange
from services.audit.fsck.documents import check_documents
from services.audit.fsck.events import Evidence, check_events, plan, withdrawals
from services.audit.fsck.financing import check_financing
from services.audit.fsck.groups import Group, check_groups, expected_groups
from services.audit.fsck.judgments import check_judgments
from services.audit.fsck.ledger import check_ledger, check_terms, check_traces
from services.audit.fsck.link_ends import check_link_ends
from services.audit.fsck.liveness import DeadEvents, check_liveness, expected_dead
from services.audit.fsck.neighbourhood import NeighbourhoodReader
from services.audit.fsck.partial_states import PartialStates
from services.audit.fsck.registers import check_release, check_trail
from services.audit.fsck.registry import check_possession, check_registry, read_history
from services.audit.fsck.sealed_rows import check_access_log, check_webhooks
from services.audit.fsck.snapshot import Snapshot, TermTexts, attempt, lowest_number
from services.audit.fsck.trains import check_trains
from services.audit.fsck.transparency import check_transparency
from services.audit.report import Damage, Findings, Progress, Report, ThrottledProgress
from services.audit.worker_pool import WorkerPool
from services.ledger.admission.model import AdmissionSettings
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage.errors import GenerationMoved

RANGE = 2_000
"""Events that are held in memory at once."""
_GENERATION = "Check with the release that made this state, or build it anew by this one: `lianyun replay`."


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

    Runs beside workers, in one snapshot. Heads that they have yet to settle are checked again for ``patience``
    seconds; what is still unsettled then is counted in ``waiting``. ``processes`` above 1 share the pass over the
    events, and one more checks the credit signals meanwhile. Memory grows with corrections, dead events, groups and
    damage, not with events.
    What cannot be read is a finding, and so is a state that folds by other rules than this process: raises only what is
    wrong with the infrastructure (psycopg.OperationalError, OSError).
    """
    started = time.monotonic()
    settings = AdmissionSettings(network, gateway_topics)
    try:
        opened = Snapshot.open(dsn)
    except GenerationMoved as moved:
        findings = Findings()
        findings.add(Damage.GENERATION, "generation", "state", moved, "a state of this release", _GENERATION)
        return findings.report(time.monotonic() - started)
    with opened as snapshot, WorkerPool(processes + 1 if processes > 1 else 1) as pool:
        findings, evidence, stale = examine(
            snapshot, settings, ThrottledProgress(progress), pool if processes > 1 else None, dsn
        )
    waiting = _recheck(dsn, evidence, stale, findings, patience) if stale else 0
    return findings.report(time.monotonic() - started, waiting)


def examine(
    snapshot: Snapshot,
    settings: AdmissionSettings,
    progress: ThrottledProgress,
    pool: WorkerPool | None = None,
    dsn: str = "",
) -> tuple[Findings, Evidence, list[bytes]]:
    """Everything in ``snapshot``: findings, evidence, and consignments that workers have yet to settle.

    The processes of ``pool`` open sessions of their own by ``dsn``; without one everything is done in this process.
    """
    network = settings.network
    credit: Callable[[], Findings] = partial(_credit, snapshot)
    if pool is not None:
        credit = pool.submit(partial(_credit_in_process, dsn, snapshot.shared()))
    findings, evidence = Findings(), Evidence()

    def pass_over(what: str, work: Callable[[], None]) -> None:
        attempt(snapshot, findings, what, work, None)

    history = attempt(
        snapshot, findings, "registry_event", lambda: read_history(snapshot, findings), RegistryHistory(())
    )
    pass_over("tables of the registry", lambda: check_registry(snapshot, history, findings))
    pass_over("proofs of keys", lambda: check_possession(snapshot, history, network, findings))
    pass_over("migration and reference tables", lambda: check_release(snapshot, findings))
    pass_over("audit_trail and the registers", lambda: check_trail(snapshot, findings))
    pass_over("access_log and api_answer", lambda: check_access_log(snapshot, findings))
    pass_over("tables of webhooks", lambda: check_webhooks(snapshot, findings))
    ranges = plan(snapshot, RANGE)
    (total,) = snapshot.one("SELECT count(*) FROM lianyun.body")
    evidence.withdrawals += withdrawals(snapshot, below=lowest_number(snapshot))
    for found, collected in check_events(snapshot, settings, history, ranges, pool, dsn):
        findings.merge(found)
        evidence.merge(collected)
        progress("events", findings.counts["events"], total)
    progress("financing", 0, 0)
    check_financing(snapshot, history, network, findings)
    progress("documents", 0, 0)
    pass_over("tables of documents", lambda: check_documents(snapshot, history, network, findings))
    pass_over("tables of the exchange of documents", lambda: check_exchange(snapshot, findings))
    progress("cases", 0, 0)
    pass_over("tables of cases", lambda: check_cases(snapshot, history, network, findings))
    progress("arrival times", 0, 0)
    pass_over("tables of arrival times", lambda: check_arrival(snapshot, history, findings))
    pass_over("arrival_judgment", lambda: check_judgments(snapshot, history, network, findings))
    progress("transparency log", 0, 0)
    pass_over("tables of the transparency log", lambda: check_transparency(snapshot, network, findings))
    stale = _derived(snapshot, evidence, findings, progress)
    progress("credit signals", 0, 0)
    findings.merge(credit())
    return findings, evidence, stale


def _credit(snapshot: Snapshot) -> Findings:
    findings = Findings()
    attempt(snapshot, findings, "tables of credit", lambda: check_credit(snapshot, findings), None)
    return findings


def _credit_in_process(dsn: str, shared: str) -> Findings:
    with Snapshot.open(dsn, join=shared) as snapshot:
        return _credit(snapshot)


def _derived(
    snapshot: Snapshot, evidence: Evidence, findings: Findings, progress: ThrottledProgress
) -> list[bytes]:
    """Everything that follows from the events; returns the consignments that workers have yet to settle."""

    def pass_over(stage: str, what: str, work: Callable[[], None]) -> None:
        progress(stage, 0, 0)
        attempt(snapshot, findings, what, work, None)

    waiting = attempt(snapshot, findings, "pending", lambda: read_backlog(snapshot), Backlog())
    findings.counts["events_waiting"] += len(waiting.numbers | waiting.events)
    names = TermTexts(snapshot)
    lowest = lowest_number(snapshot)
    pass_over(
        "ledger", "kafka_offset, batch, body and identity", lambda: check_ledger(snapshot, lowest, findings)
    )
    pass_over("ledger", "term", lambda: check_terms(snapshot, evidence.terms, findings))
    pass_over("dead letters", "dead_letter", lambda: check_dead_letters(snapshot, findings))
    pass_over("dead letters", "event_trace", lambda: check_traces(snapshot, findings))
    dead = attempt(
        snapshot,
        findings,
        "withdrawal and variant",
        lambda: expected_dead(snapshot, evidence),
        DeadEvents({}, frozenset()),
    )
    partial_states = PartialStates(snapshot, evidence, waiting)
    deaths = attempt(snapshot, findings, "pending", partial_states.dead_sets, [dead]) if waiting else [dead]
    pass_over(
        "liveness",
        "dead",
        lambda: check_liveness(snapshot, evidence, dead, deaths, waiting, findings, names),
    )
    pass_over("links", "link", lambda: check_link_ends(snapshot, evidence, dead, waiting, findings, names))
    pass_over(
        "trains",
        "train_head",
        lambda: check_trains(snapshot, evidence, dead, partial_states, waiting, findings, names),
    )
    no_groups: Mapping[bytes, Group] = {}
    groups = attempt(
        snapshot, findings, "link and founding", lambda: expected_groups(snapshot, evidence, dead), no_groups
    )
    pass_over(
        "consignments",
        "canonical",
        lambda: check_groups(snapshot, groups, partial_states.groups, waiting, findings),
    )
    heads = ConsignmentPass(
        snapshot, NeighbourhoodReader(snapshot, evidence, dead), groups, waiting.consignments, findings
    )

    def check_heads() -> None:
        (total,) = snapshot.one("SELECT count(*) FROM head")
        for chunk in consignments(snapshot):
            heads.check(chunk)
            progress("consignments", findings.counts["consignments"], total)

    pass_over("consignments", "reach and head", check_heads)
    return heads.stale


def _recheck(
    dsn: str, evidence: Evidence, stale: Sequence[bytes], findings: Findings, patience: float
) -> int:
    """Check ``stale`` consignments in later snapshots until they are settled; how many were not in time.

    Of these the ones that no missed transaction explains are findings.
    """
    left = list(stale)
    until = time.monotonic() + patience
    while True:
        last = time.monotonic() >= until
        with Snapshot.open(dsn) as snapshot:
            check = partial(recheck, snapshot, evidence, left, findings, last=last)
            left = attempt(snapshot, findings, "rows around consignments that wait", check, [])
        if not left or last:
            return len(left)
        time.sleep(0.2)


def recheck(
    snapshot: Snapshot, evidence: Evidence, stale: Sequence[bytes], findings: Findings, *, last: bool
) -> list[bytes]:
    """Those of ``stale`` that wait to be settled in this snapshot, too; in the ``last`` one, what nothing explains is a finding."""
    later = _refreshed(snapshot, evidence)
    dead = expected_dead(snapshot, later)
    waiting = read_backlog(snapshot)
    groups = expected_groups(snapshot, later, dead)
    neighbourhoods = NeighbourhoodReader(snapshot, later, dead)
    heads = ConsignmentPass(snapshot, neighbourhoods, groups, waiting.consignments, findings)
    heads.check(stale)
    return heads.explained(heads.stale, PartialStates(snapshot, later, waiting)) if last else heads.stale


def _refreshed(snapshot: Snapshot, evidence: Evidence) -> Evidence:
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
