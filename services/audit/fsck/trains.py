"""Train heads, computed by the domain from the claims about each train and compared with what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from schemas.events.base import ObjectKind
from services.audit.fsck.backlog import Backlog
from services.audit.fsck.events import Evidence
from services.audit.fsck.expected_rows import FIELDS, comparable, stage
from services.audit.fsck.liveness import DeadEvents
from services.audit.fsck.neighbourhood import claim_of
from services.audit.fsck.partial_states import PartialState, PartialStates
from services.audit.fsck.snapshot import Row, Snapshot, TermTexts
from services.audit.report import REBUILD, Damage, Findings, compare_fields
from services.domain.facts import Claim
from services.domain.head import train_head

_CLAIMS = f"SELECT no, {', '.join(FIELDS['claim'])} FROM claim WHERE kind = %s ORDER BY object"  # noqa: S608
_FIELDS = ("milestone", "position", "exceptions")
_EMPTY = (None, None, 0)


def check_trains(
    snapshot: Snapshot,
    evidence: Evidence,
    dead: DeadEvents,
    partial_states: PartialStates,
    waiting: Backlog,
    findings: Findings,
    names: TermTexts,
) -> None:
    """Stream claims about trains and train heads side by side; memory is that of the claims about one train.

    A head whose claims wait to be judged again may be that of one of the ``partial_states``.
    """
    heads = snapshot.stream("SELECT train, milestone, position, exceptions FROM train_head ORDER BY train")
    stored = next(heads, None)
    for train, claims, alternatives in _trains(snapshot, evidence, dead, partial_states, waiting):
        while stored is not None and stored[0] < train:
            _compare(findings, stored[0], comparable(stored[1:]), _EMPTY, "")
            stored = next(heads, None)
        found = None
        if stored is not None and stored[0] == train:
            found, stored = comparable(stored[1:]), next(heads, None)
        findings.counts["trains"] += 1
        if alternatives is not None and not any(
            (found or _EMPTY) == _expected(each) for each in alternatives
        ):
            by = names(int(claims[0].publisher)) if claims else ""
            _compare(findings, train, found, _expected(claims), by)
    while stored is not None:
        _compare(findings, stored[0], comparable(stored[1:]), _EMPTY, "")
        stored = next(heads, None)


def _trains(
    snapshot: Snapshot, evidence: Evidence, dead: DeadEvents, partial_states: PartialStates, waiting: Backlog
) -> Iterator[tuple[bytes, list[Claim], Iterable[list[Claim]] | None]]:
    """(train, its claims, those of each partial state); the last is None where its head cannot be checked."""
    repaired: dict[bytes, list[Claim]] = {}
    kind = FIELDS["claim"].index("kind")
    for no, values in evidence.repaired.get("claim", ()):
        if no not in dead.numbers and values[kind] == ObjectKind.TRAIN:
            repaired.setdefault(values[0], []).append(claim_of(values))
    skipped = dead.numbers | evidence.damaged
    rows = snapshot.stream(_CLAIMS, (int(ObjectKind.TRAIN),))
    for train, group in groupby(rows, key=lambda row: row[1]):
        known = list(group)
        claims = [claim_of(tuple(row[1:])) for row in known if row[0] not in skipped]
        alternatives: Iterable[list[Claim]] = ()
        if any(row[0] in waiting.numbers for row in known):
            numbers = {row[0] for row in known} | waiting.numbers
            alternatives = [_left(known, state, evidence) for state in partial_states.states(numbers)]
        yield train, claims + repaired.pop(train, []), alternatives
    # These have lost every row of their train and come after the stream.
    for train in sorted(repaired):
        yield train, repaired[train], None


def _left(rows: list[Row], state: PartialState, evidence: Evidence) -> list[Claim]:
    skipped = state.left_out | evidence.damaged
    return [claim_of(tuple(row[1:])) for row in rows if row[0] not in skipped]


def _expected(claims: list[Claim]) -> tuple[Any, ...]:
    computed = train_head(claims)
    return _stage(computed.milestone), _stage(computed.position), computed.exceptions


def _stage(claim: Claim | None) -> tuple[int, ...] | None:
    if claim is None:
        return None
    return stage(claim.happened, claim.published, claim.event, claim.milestone, claim.place)


def _compare(
    findings: Findings, train: bytes, stored: tuple[Any, ...] | None, right: tuple[Any, ...], publisher: str
) -> None:
    where = f"train_head of train {train.hex()}"
    if stored is None:
        if right != _EMPTY:
            findings.add(Damage.TRAIN_HEAD, where, "row", "missing", right, REBUILD, publisher)
        return
    found, expected = (dict(zip(_FIELDS, values, strict=True)) for values in (stored, right))
    findings.add_differences(Damage.TRAIN_HEAD, compare_fields(where, found, expected), REBUILD, publisher)
