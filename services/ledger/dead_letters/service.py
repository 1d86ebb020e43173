"""What an operator does about dead letters, one outcome per letter, each repeatable and each written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from schemas.envelope import event_id
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import AdmissionSettings, Admitted, Record, Refused
from services.ledger.dead_letters import statement, store
from services.ledger.dead_letters.letter import DeadLetter, LetterOutcome, LetterState
from services.ledger.dead_letters.store import Session
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage.batch import Event
from services.ledger.storage.batch_transaction import Projection
from services.ledger.storage.operations import apply_one
from services.runtime.transactions import CONFLICTS, RetryPolicy, retry_transaction

_POLICY = RetryPolicy(CONFLICTS, attempts=5)


class Ledger(Protocol):
    """What the desk needs of the store of accepted events; both work in the caller's transaction."""

    def content_of(self, session: Session, event: bytes) -> bytes | None:
        """The 16-byte content digest under which the event (16-byte id) was first accepted, None where it never was."""

    def apply(self, session: Session, admitted: Admitted, registry: int) -> None:
        """Apply one event, judged by that version of the registry, on the path of a batch, moving no offset.

        Applying it twice changes nothing.
        """


class ActionOutcome(StrEnum):
    """What came of one action on one letter."""

    REDRIVEN = "REDRIVEN"
    DISCARDED = "DISCARDED"
    REPLACED = "REPLACED"
    ALREADY_REDRIVEN = "ALREADY_REDRIVEN"
    ALREADY_DISCARDED = "ALREADY_DISCARDED"
    ALREADY_REPLACED = "ALREADY_REPLACED"
    STILL_REFUSED = "STILL_REFUSED"
    FAILED = "FAILED"
    NOT_KEPT_WHOLE = "NOT_KEPT_WHOLE"
    NO_SUCH_EVENT = "NO_SUCH_EVENT"
    NOT_FOUND = "NOT_FOUND"


_ALREADY = {
    LetterState.REDRIVEN: ActionOutcome.ALREADY_REDRIVEN,
    LetterState.DISCARDED: ActionOutcome.ALREADY_DISCARDED,
    LetterState.REPLACED: ActionOutcome.ALREADY_REPLACED,
}


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The outcome for one letter, with a sentence for people."""

    digest: bytes
    done: ActionOutcome
    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetterService:
    """Somebody (``by``) working on letters at ``at`` (UTC microseconds, recorded only) with an idle ``session``.

    Every method takes the letter's 32-byte digest and commits one transaction; none raises for what a letter holds,
    only for a database that cannot be reached.
    """

    session: Session
    ledger: Ledger
    settings: AdmissionSettings
    by: str
    at: int

    def redrive(self, digest: bytes) -> ActionResult:
        """Judge the unchanged bytes again, with their original append time, and apply them where they are good now.

        A discarded letter may be redriven. One whose event was accepted in another form meanwhile is not: two contents
        under one id would put both aside.
        """
        try:
            return retry_transaction(
                self.session, lambda: self._noted(self._redrive(digest), "redrive"), _POLICY
            )
        except CONFLICTS as conflict:
            return self._failed(digest, conflict)
        except _OwnFault as fault:
            return self._failed(digest, fault.error)

    def discard(self, digest: bytes, why: str) -> ActionResult:
        """Decide that an open letter is not wanted; its bytes stay until retention takes them."""
        with self.session.transaction():
            return self._noted(
                self._end(digest, LetterState.DISCARDED, ActionOutcome.DISCARDED, why), "discard"
            )

    def replaced(self, digest: bytes, source: str, id: str) -> ActionResult:
        """Note that the publisher published the event ``source``/``id`` in the place of an open letter."""
        with self.session.transaction():
            if self.ledger.content_of(self.session, event_id(source, id)) is None:
                return ActionResult(
                    digest,
                    ActionOutcome.NO_SUCH_EVENT,
                    f"No event {id} of {source} is accepted; nothing was changed.",
                )
            result = self._end(digest, LetterState.REPLACED, ActionOutcome.REPLACED, f"by {id} of {source}")
            return self._noted(result, "replace")

    def judge(self, record: Record, registry: Registry) -> Admitted | Refused:
        """The judgement of a record; one on which our own code fails is refused as INTERNAL_ERROR."""
        try:
            return admit(record, registry, self.settings)
        except Exception as error:
            return Refused.internal(record, error, record.topic)

    def accept(self, record: Record) -> ActionOutcome:
        """Judge a record of which there is no letter, and apply it where it is good now, in a transaction of its own.

        FAILED where our own code fails on it, or others stand in the way again and again.
        """
        try:
            return retry_transaction(self.session, lambda: self._accept(record), _POLICY)
        except (*CONFLICTS, _OwnFault):
            return ActionOutcome.FAILED

    def _accept(self, record: Record) -> ActionOutcome:
        registry = registry_store.load(self.session)
        judged = self._admit(record, registry)
        if isinstance(judged, Refused):
            return ActionOutcome.STILL_REFUSED
        known = self.ledger.content_of(self.session, judged.event)
        if known is not None:
            return ActionOutcome.ALREADY_REDRIVEN if known == judged.content else ActionOutcome.REPLACED
        self._apply(judged, registry.version)
        return ActionOutcome.REDRIVEN

    def _apply(self, judged: Admitted, version: int) -> None:
        try:
            self.ledger.apply(self.session, judged, version)
        except CONFLICTS:
            raise
        except Exception as error:
            raise _OwnFault(error) from error

    def _redrive(self, digest: bytes) -> ActionResult:
        # The order of locks is that of a batch: registry, then what applying takes, and the letter last.
        registry = registry_store.load(self.session)
        letter = store.find(self.session, digest)
        if letter is None:
            return ActionResult(digest, ActionOutcome.NOT_FOUND, "There is no such letter.")
        if letter.state in (LetterState.REDRIVEN, LetterState.REPLACED):
            return _already(letter)
        if letter.truncated:
            where = f"{letter.last.topic}/{letter.last.partition} at offset {letter.last.offset}"
            return ActionResult(
                digest,
                ActionOutcome.NOT_KEPT_WHOLE,
                f"Its bytes are not kept whole; the log may still have them: {where}, if the digest of what is there is "
                f"{letter.name}.",
            )
        judged = self._judge(letter, registry)
        if isinstance(judged, Refused):
            store.update_refusal(self.session, digest, judged)
            at = f" at {judged.pointer}" if judged.pointer else ""
            return ActionResult(digest, ActionOutcome.STILL_REFUSED, f"{judged.reason}{at}: {judged.detail}")
        known = self.ledger.content_of(self.session, judged.event)
        if known is not None and known != judged.content:
            return self._end(
                digest,
                LetterState.REPLACED,
                ActionOutcome.REPLACED,
                "Its publisher published another content.",
            )
        self._apply(judged, registry.version)
        if not store.change_state(
            self.session, digest, LetterState.REDRIVEN, of=(LetterState.OPEN, LetterState.DISCARDED)
        ):
            return self._changed(digest)
        return ActionResult(
            digest, ActionOutcome.REDRIVEN, "Accepted unchanged, with its original append time."
        )

    def _judge(self, letter: DeadLetter, registry: Registry) -> Admitted | Refused:
        first: Refused | None = None
        for record in letter.records():
            judged = self._admit(record, registry)
            if isinstance(judged, Admitted):
                return judged
            first = first or judged
        assert first is not None
        return first

    def _admit(self, record: Record, registry: Registry) -> Admitted | Refused:
        try:
            return admit(record, registry, self.settings)
        except Exception as error:
            raise _OwnFault(error) from error

    def _end(self, digest: bytes, state: LetterState, done: ActionOutcome, detail: str) -> ActionResult:
        letter = store.find(self.session, digest)
        if letter is None:
            return ActionResult(digest, ActionOutcome.NOT_FOUND, "There is no such letter.")
        if letter.state is not LetterState.OPEN:
            return _already(letter)
        if store.change_state(self.session, digest, state, of=(LetterState.OPEN,)):
            return ActionResult(digest, done, detail)
        return self._changed(digest)

    def _changed(self, digest: bytes) -> ActionResult:
        """Somebody else was faster; say what he did."""
        letter = store.find(self.session, digest)
        return (
            ActionResult(digest, ActionOutcome.NOT_FOUND, "It is gone.")
            if letter is None
            else _already(letter)
        )

    def _noted(self, result: ActionResult, action: str) -> ActionResult:
        if result.done not in _ALREADY.values():
            outcome = LetterOutcome(self.at, self.by, action, result.done, result.detail)
            store.add_outcome(self.session, result.digest, outcome)
        return result

    def _failed(self, digest: bytes, error: BaseException) -> ActionResult:
        """Write down in a transaction of its own what undid the first one."""
        detail = f"{type(error).__name__}: {error}"[:300]
        with self.session.transaction():
            return self._noted(ActionResult(digest, ActionOutcome.FAILED, detail), "redrive")


class _OwnFault(Exception):
    """Our code failed on a good event: the transaction goes back, and the letter stays."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _already(letter: DeadLetter) -> ActionResult:
    done = _ALREADY[letter.state]
    return ActionResult(letter.digest, done, f"It is {done.replace('_', ' ').lower()}.")


class PostgresLedger:
    """Looks up and applies events in the caller's transaction; ``projections`` follow what is applied."""

    def __init__(self, projections: Sequence[Projection] = ()) -> None:
        self._projections = tuple(projections)

    def content_of(self, session: Session, event: bytes) -> bytes | None:
        """The 16-byte content digest that came first under the event's 16-byte id, None where it never came."""
        row = session.execute(statement("content_of"), {"event": UUID(bytes=event)}).fetchone()
        return None if row is None else bytes(row[0])

    def apply(self, session: Session, admitted: Admitted, registry: int) -> None:
        """Apply one event, judged by that version of the registry, as a batch would, moving no offset."""
        apply_one(session, Event.of(admitted, registry), self._projections)
