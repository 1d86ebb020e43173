"""Operators' actions on dead letters: redrive, discard, replace; each is idempotent and recorded with one outcome per letter."""

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
    """What the service requires of the store of accepted events; both methods work in the caller's transaction."""

    def content_of(self, session: Session, event: bytes) -> bytes | None:
        """The 16-byte content digest under which the event (16-byte id) was first accepted, None where it never was."""

    def apply(self, session: Session, admitted: Admitted, registry: int) -> None:
        """Apply one event, admitted under that version of the registry, on the path of a batch; no offset moves.

        Applying it twice changes nothing.
        """


class ActionOutcome(StrEnum):
    """The outcome of one action on one letter."""

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
    """The outcome for one letter, with a sentence for operators."""

    digest: bytes
    outcome: ActionOutcome
    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetterService:
    """Actions of the operator ``by`` at ``at`` (UTC microseconds, recorded only) over an idle ``session``.

    Every action takes the letter's 32-byte digest and commits one transaction. None raises for the content of a letter,
    only where the database cannot be reached.
    """

    session: Session
    ledger: Ledger
    settings: AdmissionSettings
    by: str
    at: int

    def redrive(self, digest: bytes) -> ActionResult:
        """Repeat admission of the unchanged bytes with their original append time, and apply them where they are accepted now.

        A discarded letter may be redriven. One whose event was accepted with another content meanwhile is not: two contents
        under one id would be an equivocation and exclude both.
        """
        try:
            return retry_transaction(
                self.session, lambda: self._recorded(self._redrive(digest), "redrive"), _POLICY
            )
        except CONFLICTS as conflict:
            return self._failed(digest, conflict)
        except _OwnFault as fault:
            return self._failed(digest, fault.error)

    def discard(self, digest: bytes, why: str) -> ActionResult:
        """Close an open letter as not wanted; its bytes stay until retention removes them."""
        with self.session.transaction():
            return self._recorded(
                self._close(digest, LetterState.DISCARDED, ActionOutcome.DISCARDED, why), "discard"
            )

    def replaced(self, digest: bytes, source: str, id: str) -> ActionResult:
        """Close an open letter as replaced by the accepted event ``source``/``id``; NO_SUCH_EVENT where there is none."""
        with self.session.transaction():
            if self.ledger.content_of(self.session, event_id(source, id)) is None:
                return ActionResult(
                    digest,
                    ActionOutcome.NO_SUCH_EVENT,
                    f"No event {id} of {source} is accepted; nothing was changed.",
                )
            result = self._close(digest, LetterState.REPLACED, ActionOutcome.REPLACED, f"by {id} of {source}")
            return self._recorded(result, "replace")

    def admit(self, record: Record, registry: Registry) -> Admitted | Refused:
        """Admission of a record; INTERNAL_ERROR where this program fails on it."""
        try:
            return admit(record, registry, self.settings)
        except Exception as error:
            return Refused.internal(record, error, record.topic)

    def accept(self, record: Record) -> ActionOutcome:
        """Admit a record that has no letter, and apply it where it is accepted, in a transaction of its own.

        FAILED where this program fails on it, or every attempt conflicts with other transactions.
        """
        try:
            return retry_transaction(self.session, lambda: self._accept(record), _POLICY)
        except (*CONFLICTS, _OwnFault):
            return ActionOutcome.FAILED

    def _accept(self, record: Record) -> ActionOutcome:
        registry = registry_store.load(self.session)
        admission = self._admit(record, registry)
        if isinstance(admission, Refused):
            return ActionOutcome.STILL_REFUSED
        known = self.ledger.content_of(self.session, admission.event)
        if known is not None:
            return ActionOutcome.ALREADY_REDRIVEN if known == admission.content else ActionOutcome.REPLACED
        self._apply(admission, registry.version)
        return ActionOutcome.REDRIVEN

    def _apply(self, admission: Admitted, version: int) -> None:
        try:
            self.ledger.apply(self.session, admission, version)
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
        admission = self._admit_copies(letter, registry)
        if isinstance(admission, Refused):
            store.update_refusal(self.session, digest, admission)
            at = f" at {admission.pointer}" if admission.pointer else ""
            return ActionResult(
                digest, ActionOutcome.STILL_REFUSED, f"{admission.reason}{at}: {admission.detail}"
            )
        known = self.ledger.content_of(self.session, admission.event)
        if known is not None and known != admission.content:
            return self._close(
                digest,
                LetterState.REPLACED,
                ActionOutcome.REPLACED,
                "Its publisher published another content.",
            )
        self._apply(admission, registry.version)
        if not store.change_state(
            self.session, digest, LetterState.REDRIVEN, of=(LetterState.OPEN, LetterState.DISCARDED)
        ):
            return self._changed(digest)
        return ActionResult(
            digest, ActionOutcome.REDRIVEN, "Accepted unchanged, with its original append time."
        )

    def _admit_copies(self, letter: DeadLetter, registry: Registry) -> Admitted | Refused:
        first: Refused | None = None
        for record in letter.records():
            admission = self._admit(record, registry)
            if isinstance(admission, Admitted):
                return admission
            first = first or admission
        assert first is not None
        return first

    def _admit(self, record: Record, registry: Registry) -> Admitted | Refused:
        try:
            return admit(record, registry, self.settings)
        except Exception as error:
            raise _OwnFault(error) from error

    def _close(self, digest: bytes, state: LetterState, outcome: ActionOutcome, detail: str) -> ActionResult:
        letter = store.find(self.session, digest)
        if letter is None:
            return ActionResult(digest, ActionOutcome.NOT_FOUND, "There is no such letter.")
        if letter.state is not LetterState.OPEN:
            return _already(letter)
        if store.change_state(self.session, digest, state, of=(LetterState.OPEN,)):
            return ActionResult(digest, outcome, detail)
        return self._changed(digest)

    def _changed(self, digest: bytes) -> ActionResult:
        """The result where another operator changed the letter first."""
        letter = store.find(self.session, digest)
        return (
            ActionResult(digest, ActionOutcome.NOT_FOUND, "It is gone.")
            if letter is None
            else _already(letter)
        )

    def _recorded(self, result: ActionResult, action: str) -> ActionResult:
        if result.outcome not in _ALREADY.values():
            outcome = LetterOutcome(self.at, self.by, action, result.outcome, result.detail)
            store.add_outcome(self.session, result.digest, outcome)
        return result

    def _failed(self, digest: bytes, error: BaseException) -> ActionResult:
        """Record the error that rolled the action back, in a transaction of its own."""
        detail = f"{type(error).__name__}: {error}"[:300]
        with self.session.transaction():
            return self._recorded(ActionResult(digest, ActionOutcome.FAILED, detail), "redrive")


class _OwnFault(Exception):
    """This program failed on an acceptable event; the transaction is rolled back and the letter stays."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _already(letter: DeadLetter) -> ActionResult:
    done = _ALREADY[letter.state]
    return ActionResult(letter.digest, done, f"It is {done.replace('_', ' ').lower()}.")


class PostgresLedger:
    """The store of accepted events in Postgres; ``projections`` are called for each event that is applied."""

    def __init__(self, projections: Sequence[Projection] = ()) -> None:
        self._projections = tuple(projections)

    def content_of(self, session: Session, event: bytes) -> bytes | None:
        """The 16-byte content digest that came first under the event's 16-byte id, None where it was never accepted."""
        row = session.execute(statement("content_of"), {"event": UUID(bytes=event)}).fetchone()
        return None if row is None else bytes(row[0])

    def apply(self, session: Session, admitted: Admitted, registry: int) -> None:
        """Apply one event as a batch would; see ``Ledger``."""
        apply_one(session, Event.of(admitted, registry), self._projections)
