"""Queries on dead letters, their cuts and their outcomes; every function works in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg import Connection

from schemas.envelope import HEADERS
from schemas.reasons import Reason
from services.ledger.admission.model import Refused
from services.ledger.admission.raw_bytes import frame
from services.ledger.audit_trail.entries import enter
from services.ledger.dead_letters import statement
from services.ledger.dead_letters.batch import storable
from services.ledger.dead_letters.letter import DeadLetter, DeadLetterCut, LetterOutcome, LetterState, Origin
from services.ledger.storage.platform_events import record_platform_event

Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class LetterQuery:
    """A filter of letters; all given conditions hold. ``before`` is the last letter of the previous page.

    Of a ``publisher`` are also letters WRONG_TOPIC that were rightly signed under one of its ``sources``.
    """

    state: LetterState | None = LetterState.OPEN
    publisher: str | None = None
    sources: frozenset[str] = frozenset()
    reason: Reason | None = None
    limit: int = 50
    before: DeadLetter | None = None


@dataclass(frozen=True, slots=True)
class LetterTally:
    """Letters and copies of one publisher, reason and state."""

    publisher: str
    reason: Reason
    state: LetterState
    letters: int
    copies: int


def list_letters(session: Session, query: LetterQuery) -> list[DeadLetter]:
    """The letters of ``query``, last seen first, without their outcomes.

    An open letter whose event was accepted with another content meanwhile shows as REPLACED.
    """
    last = query.before
    found = session.execute(
        statement("list"),
        {
            **_filter(query),
            "limit": query.limit,
            "before_append": None if last is None else last.last.appended,
            "before_digest": None if last is None else last.digest,
        },
    )
    return [_letter(row) for row in found]


def count_letters(session: Session, query: LetterQuery) -> int:
    """How many letters ``query`` is about, whatever its limit and page."""
    row = session.execute(statement("matching"), _filter(query)).fetchone()
    return 0 if row is None else int(row[0])


def _filter(query: LetterQuery) -> dict[str, Any]:
    sources = [frame([(HEADERS["source"], source.encode())]) for source in sorted(query.sources)]
    return {"state": query.state, "publisher": query.publisher, "reason": query.reason, "sources": sources}


@dataclass(frozen=True, slots=True)
class PublisherQuery:
    """The letters of one publisher last appended in [``since``, ``before``), the latest first.

    ``before`` is the append time (UTC microseconds) and digest of the last letter of the previous page, or a bound. ``header`` are
    framed bytes that the headers of a letter hold.
    """

    publisher: str
    since: int
    before: tuple[int, bytes]
    state: LetterState | None = None
    header: bytes = b""
    limit: int = 50


def letters_of(session: Session, query: PublisherQuery) -> list[DeadLetter]:
    """The letters of ``query``, without the bytes of their values and without their outcomes; state as ``list_letters``."""
    parameters = {
        "publisher": query.publisher,
        "since": query.since,
        "before_append": query.before[0],
        "before_digest": query.before[1],
        "state": query.state,
        "header": query.header,
        "limit": query.limit,
    }
    return [_letter(row) for row in session.execute(statement("of_publisher"), parameters)]


def letters_by_day(
    session: Session, publisher: str, since: int, until: int
) -> dict[tuple[int, LetterState], int]:
    """The number of letters of ``publisher`` last appended in [since, until), by UTC day (since 1970) and state."""
    rows = session.execute(
        statement("of_publisher_by_day"), {"publisher": publisher, "since": since, "until": until}
    )
    return {(day, LetterState(state)): letters for day, state, letters in rows}


def cut_by_day(session: Session, publisher: str, since: int, until: int) -> dict[int, int]:
    """How many messages of ``publisher`` were refused beyond the bound on letters in [since, until), by UTC day (since 1970)."""
    rows = session.execute(statement("cut_by_day"), {"publisher": publisher, "since": since, "until": until})
    return dict(rows.fetchall())


def find_by_trace(session: Session, trace: bytes, limit: int) -> list[DeadLetter]:
    """The letters of the 16-byte ``trace``, last seen first, at most ``limit``, without their outcomes.

    The trace of a letter is that of its first copy.
    """
    found = session.execute(statement("traced"), {"trace": trace.hex().encode(), "limit": limit})
    return [_letter(row) for row in found]


def find_by_prefix(session: Session, prefix: str) -> list[DeadLetter]:
    """The letters whose digest in hex starts with ``prefix`` (at least 4 digits), at most two, with their outcomes.

    Two mean that the prefix is ambiguous. ValueError where it is not hexadecimal.
    """
    low = bytes.fromhex(prefix + "0" * (64 - len(prefix)))
    high = bytes.fromhex(prefix + "f" * (64 - len(prefix)))
    if len(prefix) < 4 or len(low) != 32:
        raise ValueError("give 4 to 64 hex digits of the letter's digest")
    found = session.execute(statement("named"), {"low": low, "high": high}).fetchall()
    return [replace(letter, outcomes=outcomes(session, letter.digest)) for letter in map(_letter, found)]


def find(session: Session, digest: bytes) -> DeadLetter | None:
    """The letter of ``digest`` (32 bytes) as it is now, without its outcomes."""
    row = session.execute(statement("named"), {"low": digest, "high": digest}).fetchone()
    return None if row is None else _letter(row)


def outcomes(session: Session, digest: bytes) -> Sequence[LetterOutcome]:
    """The actions taken on a letter, in order."""
    return tuple(LetterOutcome(*row) for row in session.execute(statement("outcomes"), {"digest": digest}))


def change_state(session: Session, digest: bytes, state: LetterState, *, of: Sequence[LetterState]) -> bool:
    """Change a letter to ``state`` if it is in one of ``of``; True where it was."""
    parameters = {"digest": digest, "state": state, "of": [str(each) for each in of]}
    return session.execute(statement("settle"), parameters).rowcount == 1


def update_refusal(session: Session, digest: bytes, refused: Refused) -> None:
    """Store the latest refusal of the letter."""
    parameters = {
        "digest": digest,
        "reason": refused.reason,
        "detail": storable(refused.detail),
        "pointer": storable(refused.pointer),
        "remedy": storable(refused.remedy),
        "event": None if refused.event is None else UUID(bytes=refused.event),
    }
    session.execute(statement("judge_again"), parameters)


def add_outcome(session: Session, digest: bytes, outcome: LetterOutcome) -> None:
    """Add ``outcome`` to the actions taken on the letter, with its entry in the audit trail."""
    values = {
        "at": outcome.at,
        "by": outcome.by,
        "action": outcome.action,
        "outcome": outcome.outcome,
        "detail": storable(outcome.detail),
    }
    row = session.execute(statement("note"), {"digest": digest, **values}).fetchone()
    if row is not None:
        enter(session, "dead_letter_outcome", row[0], {"digest": digest.hex(), **values})


def tallies(session: Session) -> list[LetterTally]:
    """The counts by publisher, reason and state, for metrics and overviews."""
    found = session.execute(statement("tallies"))
    return [LetterTally(p, Reason(r), LetterState(s), letters, copies) for p, r, s, letters, copies in found]


def cuts(session: Session, limit: int = 1_000) -> list[DeadLetterCut]:
    """The messages refused beyond the bound on letters, latest first."""
    found = session.execute(statement("cuts"), {"limit": limit})
    return [_cut(list(row)) for row in found]


def cut_tallies(session: Session) -> dict[tuple[str, Reason], int]:
    """How many messages of each publisher were refused beyond the bound on letters, by reason."""
    return {(p, Reason(r)): count for p, r, count in session.execute(statement("cut_tallies"))}


def oldest_open(session: Session) -> dict[str, int]:
    """Append time of the oldest open letter of each publisher that has one, UTC microseconds."""
    return dict(session.execute(statement("oldest")).fetchall())


def outcome_counts(session: Session) -> dict[str, int]:
    """The number of outcomes by kind, of letters that are still stored."""
    return dict(session.execute(statement("outcome_counts")).fetchall())


PURGED = "DEAD_LETTERS_PURGED"
"""The platform event of letters that were removed after their time; ``older_than`` says which."""


def purge(session: Session, older_than: int, limit: int = 1_000) -> Mapping[LetterState, int]:
    """Remove up to ``limit`` letters last seen before ``older_than`` (UTC microseconds); how many of each state.

    Call it until it returns nothing, committing in between, so that no transaction is long. Rows in use are left for the next
    call. Their outcomes are removed too, and cuts of the same age.
    """
    with session.transaction():
        session.execute(statement("purge_cuts"), {"older_than": older_than})
        past = session.execute(statement("past"), {"older_than": older_than, "limit": limit})
        letters = {"digests": [digest for (digest,) in past]}
        # After the letters are locked: no outcome is added to them any more.
        outcomes = session.execute(statement("purge_outcomes"), letters).fetchall()
        gone = {LetterState(state): count for state, count in session.execute(statement("purge"), letters)}
        for (no,) in outcomes:
            enter(session, "dead_letter_outcome", no, None)
        if gone:  # without it a letter that is gone was taken away by somebody
            detail = {"older_than": older_than, "letters": sum(gone.values())}
            record_platform_event(session, PURGED, detail)
    return gone


def _cut(row: list[Any]) -> DeadLetterCut:
    row[4], row[-1] = Reason(row[4]), bytes(row[-1])
    return DeadLetterCut(*row)


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    (
        digest,
        state,
        publisher,
        event,
        reason,
        detail,
        pointer,
        remedy,
        count,
        headers,
        value,
        size,
        cut,
        *at,
    ) = row
    first_append, first_topic, first_partition, first_offset = at[:4]
    last_append, last_topic, last_partition, last_offset = at[4:]
    return DeadLetter(
        digest=bytes(digest),
        state=LetterState(state),
        publisher=publisher,
        event=None if event is None else bytes(event),
        reason=Reason(reason),
        detail=detail,
        pointer=pointer,
        remedy=remedy,
        count=count,
        headers=bytes(headers),
        value=None if value is None else bytes(value),
        value_bytes=size,
        truncated=cut,
        first=Origin(first_append, first_topic, first_partition, first_offset),
        last=Origin(last_append, last_topic, last_partition, last_offset),
    )
