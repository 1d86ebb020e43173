"""Train heads, computed by the core from the claims about each train and compared with what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from schemas.events.base import ObjectKind
from services.audit.fsck.earlier import Earlier, State
from services.audit.fsck.evidence import Evidence
from services.audit.fsck.expected_rows import FIELDS
from services.audit.fsck.finding import REBUILD, Damage, Notebook
from services.audit.fsck.liveness import Dead
from services.audit.fsck.names import Names
from services.audit.fsck.neighbourhood import claim_of
from services.audit.fsck.snapshot import Row, Snapshot
from services.audit.fsck.unsettled import Unsettled
from services.domain.facts import Claim
from services.domain.train_head import train_head
from services.ledger.storage.term_numbers import split_id

_CLAIMS = f"SELECT no, {', '.join(FIELDS['claim'])} FROM claim WHERE kind = %s ORDER BY object"  # noqa: S608
_FIELDS = ("milestone", "position", "exceptions")
_EMPTY = (None, None, 0)


def check_trains(
    snapshot: Snapshot,
    evidence: Evidence,
    dead: Dead,
    earlier: Earlier,
    waiting: Unsettled,
    notebook: Notebook,
    names: Names,
) -> None:
    """Stream claims about trains and train heads side by side; memory is that of the claims about one train.

    A head whose claims wait to be judged again may be as one of the ``earlier`` states has it.
    """
    heads = snapshot.stream("SELECT train, milestone, position, exceptions FROM train_head ORDER BY train")
    stored = next(heads, None)
    for train, claims, others in _trains(snapshot, evidence, dead, earlier, waiting):
        while stored is not None and stored[0] < train:
            _compare(notebook, stored[0], _plain(stored), _EMPTY, "")
            stored = next(heads, None)
        found = None
        if stored is not None and stored[0] == train:
            found, stored = _plain(stored), next(heads, None)
        notebook.counts["trains"] += 1
        if others is not None and not any((found or _EMPTY) == _expected(each) for each in others):
            by = names(int(claims[0].publisher)) if claims else ""
            _compare(notebook, train, found, _expected(claims), by)
    while stored is not None:
        _compare(notebook, stored[0], _plain(stored), _EMPTY, "")
        stored = next(heads, None)


def _trains(
    snapshot: Snapshot, evidence: Evidence, dead: Dead, earlier: Earlier, waiting: Unsettled
) -> Iterator[tuple[bytes, list[Claim], Iterable[list[Claim]] | None]]:
    """(train, its claims, what these were in earlier states): the last is None where nothing can be said of its head."""
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
        others: Iterable[list[Claim]] = ()
        if any(row[0] in waiting.numbers for row in known):
            numbers = {row[0] for row in known} | waiting.numbers
            others = [_left(known, state, evidence) for state in earlier.states(numbers)]
        yield train, claims + repaired.pop(train, []), others
    # What is left has lost every row of its train, and stands behind the order of the stream.
    for train in sorted(repaired):
        yield train, repaired[train], None


def _left(rows: list[Row], state: State, evidence: Evidence) -> list[Claim]:
    skipped = state.left_out | evidence.damaged
    return [claim_of(tuple(row[1:])) for row in rows if row[0] not in skipped]


def _expected(claims: list[Claim]) -> tuple[Any, ...]:
    computed = train_head(claims)
    return _stage(computed.milestone), _stage(computed.position), computed.exceptions


def _stage(claim: Claim | None) -> tuple[int, ...] | None:
    if claim is None:
        return None
    high, low = split_id(claim.event)
    return claim.happened, claim.published, high, low, claim.milestone, int(claim.place or 0)


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in row[1:])


def _compare(
    notebook: Notebook, train: bytes, stored: tuple[Any, ...] | None, right: tuple[Any, ...], publisher: str
) -> None:
    where = f"train_head of train {train.hex()}"
    if stored is None:
        if right != _EMPTY:
            notebook.add(Damage.TRAIN_HEAD, where, "row", "missing", right, REBUILD, publisher)
        return
    for field, found, expected in zip(_FIELDS, stored, right, strict=True):
        if found != expected:
            notebook.add(Damage.TRAIN_HEAD, where, field, found, expected, REBUILD, publisher)
