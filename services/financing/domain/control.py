"""Control of the cargo and entries in legal registers: what security a bank has, by the statements of partners, and until when.

A rail note is no document of title, and a note alone is never control. A bank is in control when it holds the duplicate (or
the document), the consignee may not dispose, and the time of it has not passed.

Who holds it is recorded by those who know: a carrier of the cargo (a registered railway), the issuer of a document that is no rail
note, and the holder of record itself when it passes it on. Of a note that nobody stated to be issued nobody knows. What others say,
the bank among them, is ASSERTED: it gives no control, but where it came later than the record and contradicts it, control is disputed
until the carrier, the issuer or the holder records it anew. Where those who know differ, it is disputed as well.

Of an original that is issued in the register of documents no statement counts: who holds it by the effective transfers is in
control, and what is said of documents beside it is left out. A duplicate of a rail note is none of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from schemas.events import catalogue
from schemas.events.base import ObjectKind, Role
from schemas.events.finance_security import (
    ControlEnded,
    ControlRecorded,
    RegistrationEnded,
    RegistrationMade,
)
from services.documents.domain.originals import ControlledOriginal
from services.documents.domain.transfer import Medium, OriginalState
from services.domain.facts import FOREVER, Assurance, EventId, Micros
from services.domain.objects import Thing
from services.financing.domain.cargo import Cargo
from services.financing.domain.lifecycle import end_of
from services.financing.domain.statements import Record, Statement, of_type

NOTE_ISSUED = catalogue.spec("cre.document.note_issued.v1").number
NOTE_REISSUED = catalogue.spec("cre.document.note_reissued.v1").number
WARNING = 14 * 86_400 * 1_000_000
"""An entry in a register is called expiring for so long before its end."""


class ControlState(StrEnum):
    """State of a bank's control over the cargo of a note. ASSERTED: said only by those who cannot know."""

    HELD = "HELD"
    ASSERTED = "ASSERTED"
    LAPSED = "LAPSED"
    CONSIGNEE_MAY_DISPOSE = "CONSIGNEE_MAY_DISPOSE"
    HELD_BY_ANOTHER = "HELD_BY_ANOTHER"
    DISPUTED = "DISPUTED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class Control:
    """Control over the cargo of one note, since its latest statement; ``assurance`` is that of who says so.

    ``holder`` is the party that holds the duplicate; another bank is not named ("", and its events are left out). ``transfer`` is the
    digest of the effective transfer by which an original of the register of documents is held, "" for a note.
    """

    note: str
    note_type: str
    holder: str
    consignee_may_dispose: bool
    ends_at: Micros | None
    state: ControlState
    assurance: Assurance
    since: Micros
    events: tuple[EventId, ...]
    transfer: str = ""


_RAIL_NOTES = frozenset({"SMGS", "CIM", "CIMSMGS"})
NEGOTIABLE, RAIL_BILL = "NEGOTIABLE_CARGO_DOCUMENT", "RAIL_BILL_OF_LADING"
Stated = tuple[Statement, ControlRecorded | ControlEnded]


def controls(statements: Iterable[Statement], cargo: Cargo, bank: str, at: Micros) -> tuple[Control, ...]:
    """The control of ``bank`` over each original of ``cargo``, and over each note on which somebody has made a statement."""
    originals = tuple(_of_original(each, cargo, bank) for each in sorted(cargo.originals))
    notes = _of_notes(statements, cargo, bank, at)
    return (*originals, *(each for each in notes if not originals or each.note_type in ("", *_RAIL_NOTES)))


def _of_notes(statements: Iterable[Statement], cargo: Cargo, bank: str, at: Micros) -> tuple[Control, ...]:
    known = tuple(statements)
    of_notes: dict[str, list[Stated]] = {}
    every: list[Stated] = [*of_type(known, ControlRecorded), *of_type(known, ControlEnded)]
    for stated in sorted(every, key=lambda pair: pair[0].order):
        if stated[1].note_key in cargo.notes and _concerned(stated, cargo, bank):
            of_notes.setdefault(stated[1].note_key, []).append(stated)
    return tuple(_control(note, stated, cargo, bank, at) for note, stated in sorted(of_notes.items()))


def _of_original(original: ControlledOriginal, cargo: Cargo, bank: str) -> Control:
    """The control of an original of the register of documents: proven by the transfer, nobody has to say it."""
    state = ControlState.HELD if original.holder == bank else ControlState.HELD_BY_ANOTHER
    if original.medium is not Medium.ELECTRONIC or original.state is not OriginalState.LIVE:
        state = ControlState.ENDED
    return Control(
        note=f"{original.number} of {original.issuer}",
        note_type=NEGOTIABLE if original.basis == "UN_NCD_2025" else RAIL_BILL,
        holder=original.holder if original.holder == bank or original.holder in cargo.engaged else "",
        consignee_may_dispose=False,
        ends_at=None,
        state=state,
        assurance=Assurance.SIGNED_BY_AUTHORITY,
        since=original.since,
        events=(),
        transfer=original.transfer,
    )


def _concerned(stated: Stated, cargo: Cargo, bank: str) -> bool:
    """Whether it is considered: statements of parties of the cargo, of carriers, of the bank, of a bank that holds the duplicate itself."""
    statement, payload = stated
    if statement.publisher == bank or statement.publisher in cargo.engaged or _carries(statement, cargo):
        return True
    own = isinstance(payload, ControlEnded) or payload.duplicate_holder == statement.publisher
    return Role.BANK in statement.roles and own


def _carries(statement: Statement, cargo: Cargo) -> bool:
    """Whether its publisher is a carrier of the cargo: a railway that is engaged, or states facts of it from its own network."""
    return Role.RAILWAY in statement.roles and (
        statement.publisher in cargo.engaged
        or any(a.claim.territorial and a.claim.publisher == statement.publisher for a in cargo.counted)
    )


def issuers(cargo: Cargo, note: str) -> frozenset[str]:
    """Who states as a fact that the note was issued, as a party of the cargo or as the authority of the place."""
    facts = cargo.facts(NOTE_ISSUED, NOTE_REISSUED)
    return frozenset(fact.publisher for fact in facts if fact.thing == Thing(ObjectKind.NOTE, note))


def _control(note: str, every: list[Stated], cargo: Cargo, bank: str, at: Micros) -> Control:
    counted, others = _weighed(note, every, cargo)
    current = counted or others
    records = [payload for _, payload in current if isinstance(payload, ControlRecorded)]
    shown = [*counted, *others]
    newest = records[-1] if records else None
    ends = [end for record in records if (end := record.ends_micros) is not None]
    holder = "" if newest is None else newest.duplicate_holder
    return Control(
        note=note,
        note_type="" if newest is None else newest.note_type,
        holder=holder if holder == bank or holder in cargo.engaged else "",
        consignee_may_dispose=any(record.consignee_may_dispose for record in records),
        ends_at=min(ends, default=None),
        state=_state(counted, others, bank, at),
        assurance=Assurance.SIGNED_BY_AUTHORITY if counted else Assurance.ASSERTED,
        since=max(statement.happened for statement, _ in shown),
        events=tuple(s.event for s, _ in shown if s.publisher == bank or Role.BANK not in s.roles),
    )


def _weighed(note: str, every: list[Stated], cargo: Cargo) -> tuple[list[Stated], list[Stated]]:
    """The statements that count, the latest of each publisher in order, and those of others since.

    The carrier counts, and the issuer of a document that is no rail note. So does who holds the duplicate by these: what it says
    is the next holder takes the place of all before. Where no note event is known nobody counts.
    """
    issued = issuers(cargo, note)
    counted: dict[str, Stated] = {}
    others: dict[str, Stated] = {}
    for statement, payload in every if issued else ():
        by = statement.publisher
        rail = isinstance(payload, ControlRecorded) and payload.note_type in _RAIL_NOTES
        if _carries(statement, cargo) or (by in issued and not rail):
            counted.pop(by, None)
            counted[by] = statement, payload
            others = {}
        elif by == _holder(counted.values()):
            counted, others = {by: (statement, payload)}, {}
        else:
            others.pop(by, None)
            others[by] = statement, payload
    if not issued:
        others = {statement.publisher: (statement, payload) for statement, payload in every}
    return list(counted.values()), sorted(others.values(), key=lambda pair: pair[0].order)


def _holder(counted: Iterable[Stated]) -> str | None:
    """The one party that all of ``counted`` name as holder."""
    named = {p.duplicate_holder if isinstance(p, ControlRecorded) else None for _, p in counted}
    return named.pop() if len(named) == 1 else None


def _state(counted: list[Stated], others: list[Stated], bank: str, at: Micros) -> ControlState:
    current = counted or others
    records = [payload for _, payload in current if isinstance(payload, ControlRecorded)]
    if not records or isinstance(current[-1][1], ControlEnded):
        return ControlState.ENDED
    holders = {record.duplicate_holder for record in records}
    if len(holders) > 1 or (counted and any(_contradicts(payload, records) for _, payload in others)):
        return ControlState.DISPUTED
    if bank not in holders:
        return ControlState.HELD_BY_ANOTHER
    if not counted:
        return ControlState.ASSERTED
    if any(record.consignee_may_dispose for record in records):
        return ControlState.CONSIGNEE_MAY_DISPOSE
    ends = [end for record in records if (end := record.ends_micros) is not None]
    return ControlState.LAPSED if ends and min(ends) <= at else ControlState.HELD


def _contradicts(said: ControlRecorded | ControlEnded, records: list[ControlRecorded]) -> bool:
    """Whether what somebody else says since is not what ``records`` say."""
    if isinstance(said, ControlEnded):
        return True
    disposes = said.consignee_may_dispose and not any(record.consignee_may_dispose for record in records)
    return disposes or any(record.duplicate_holder != said.duplicate_holder for record in records)


class TakenBack(NamedTuple):
    """A note of which all that recorded the bank's control was taken back: since when, and by which events."""

    note: str
    since: Micros
    events: tuple[EventId, ...]


def taken_back(
    record: Record, counted: frozenset[Statement], cargo: Cargo, bank: str, as_of: Micros, known_at: Micros
) -> tuple[TakenBack, ...]:
    """Each note of ``cargo`` that was recorded as held by ``bank``, and of which nobody states anything any longer.

    ``counted`` are the statements of ``record`` that count.
    """
    standing = {control.note for control in _of_notes(counted, cargo, bank, as_of)}
    gone: dict[str, set[EventId]] = {}
    for stated in of_type(record.statements - counted, ControlRecorded):
        statement, recorded = stated
        if (
            recorded.note_key in cargo.notes - standing
            and recorded.duplicate_holder == bank
            and statement.happened <= as_of
            and statement.known <= known_at
            and _concerned(stated, cargo, bank)
        ):
            gone.setdefault(recorded.note_key, set()).add(statement.event)
    found = []
    for note, events in sorted(gone.items()):
        by = {w.event: known for w, known in record.withdrawals if w.target in events and known <= known_at}
        since = max(by.values(), default=max(s.known for s in record.statements if s.event in events))
        found.append(TakenBack(note, since, tuple(sorted({*events, *by}))))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Registration:
    """An entry of the security in a legal register; priority is decided by that register."""

    name: str
    country: str
    number: str
    registered_on: date
    expires_on: date | None
    event: EventId

    @property
    def expiring_from(self) -> Micros:
        """From when it counts as expiring; never for an entry without an end."""
        return FOREVER if self.expires_on is None else end_of(self.expires_on) - WARNING

    def expires(self, at: Micros) -> bool:
        """Whether it has expired at ``at`` or does so within two weeks."""
        return at >= self.expiring_from


def registrations(statements: Iterable[Statement]) -> tuple[Registration, ...]:
    """The entries in force, from ``statements`` on one financing; none means "not registered"."""
    known = tuple(statements)
    ended = {(end.number, statement.order) for statement, end in of_type(known, RegistrationEnded)}
    return tuple(
        Registration(
            made.register_name,
            made.country,
            made.number,
            date.fromisoformat(made.registered_on),
            None if made.expires_on is None else date.fromisoformat(made.expires_on),
            statement.event,
        )
        for statement, made in of_type(known, RegistrationMade)
        if not any(number == made.number and order > statement.order for number, order in ended)
    )
