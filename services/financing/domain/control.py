"""Control of the cargo and the legal register: what a bank really has, as partners said it, and until when.

A rail note is no document of title, and a note alone is never control: control is that the duplicate (or the document) is
with the bank, that the consignee may not dispose all the same, and that the time of it has not passed. Where engaged
publishers differ on who holds the duplicate, nobody is shown in control.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from schemas.events.finance_security import (
    ControlEnded,
    ControlRecorded,
    RegistrationEnded,
    RegistrationMade,
)
from services.domain.facts import FOREVER, EventId, Micros
from services.financing.domain.lifecycle import end_of
from services.financing.domain.statements import Word, said

WARNING = 14 * 86_400 * 1_000_000
"""An entry in a register is called expiring for so long before its end."""


class Grip(StrEnum):
    """What control a bank has over a note's cargo."""

    HELD = "HELD"
    LAPSED = "LAPSED"
    CONSIGNEE_MAY_DISPOSE = "CONSIGNEE_MAY_DISPOSE"
    HELD_BY_ANOTHER = "HELD_BY_ANOTHER"
    DISPUTED = "DISPUTED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class Control:
    """Control over the cargo of one note; ``holder`` is the party that holds the duplicate as the latest word says."""

    note: str
    note_type: str
    holder: str
    consignee_may_dispose: bool
    ends_at: Micros | None
    grip: Grip
    events: tuple[EventId, ...]


def controls(
    words: Iterable[Word], notes: frozenset[str], engaged: frozenset[str], bank: str, at: Micros
) -> tuple[Control, ...]:
    """The control of ``bank`` over each of ``notes`` of which somebody engaged, or the bank, spoke."""
    heard = [word for word in words if word.publisher in engaged or word.publisher == bank]
    recorded: dict[str, dict[str, tuple[Word, ControlRecorded | ControlEnded]]] = {}
    spoken: list[tuple[Word, ControlRecorded | ControlEnded]] = [
        *said(heard, ControlRecorded),
        *said(heard, ControlEnded),
    ]
    for word, payload in sorted(spoken, key=lambda pair: pair[0].order):
        if payload.note_key in notes:
            recorded.setdefault(payload.note_key, {})[word.publisher] = (word, payload)
    found = (_control(note, list(by.values()), bank, at) for note, by in sorted(recorded.items()))
    return tuple(control for control in found if control is not None)


def _control(
    note: str, latest: list[tuple[Word, ControlRecorded | ControlEnded]], bank: str, at: Micros
) -> Control | None:
    latest.sort(key=lambda pair: pair[0].order)
    records = [payload for _, payload in latest if isinstance(payload, ControlRecorded)]
    events = tuple(word.event for word, _ in latest)
    if not records:
        return Control(note, "", "", False, None, Grip.ENDED, events)
    newest = records[-1]
    ends = [end for record in records if (end := record.ends_micros) is not None]
    ended = [w for w, p in latest if isinstance(p, ControlEnded) and w.order > _order_of(newest, latest)]
    if ended:
        grip = Grip.ENDED
    elif len({record.duplicate_holder for record in records}) > 1:
        grip = Grip.DISPUTED
    elif newest.duplicate_holder != bank:
        grip = Grip.HELD_BY_ANOTHER
    elif any(record.consignee_may_dispose for record in records):
        grip = Grip.CONSIGNEE_MAY_DISPOSE
    elif ends and min(ends) <= at:
        grip = Grip.LAPSED
    else:
        grip = Grip.HELD
    return Control(
        note=note,
        note_type=newest.note_type,
        holder=newest.duplicate_holder,
        consignee_may_dispose=any(record.consignee_may_dispose for record in records),
        ends_at=min(ends, default=None),
        grip=grip,
        events=events,
    )


def _order_of(
    record: ControlRecorded, latest: list[tuple[Word, ControlRecorded | ControlEnded]]
) -> tuple[Micros, Micros, EventId]:
    return next(word.order for word, payload in latest if payload is record)


@dataclass(frozen=True, slots=True)
class Registration:
    """An entry of the security in a legal register; priority is decided there, not here."""

    name: str
    country: str
    number: str
    registered_on: date
    expires_on: date | None
    event: EventId

    @property
    def expiring_from(self) -> Micros:
        """When it is called expiring for the first time; never for an entry without an end."""
        return FOREVER if self.expires_on is None else end_of(self.expires_on) - WARNING

    def expires(self, at: Micros) -> bool:
        """Whether it has expired at ``at`` or does so within two weeks."""
        return at >= self.expiring_from


def registrations(words: Iterable[Word]) -> tuple[Registration, ...]:
    """The entries that stand, of the ``words`` about one financing; none says "not registered"."""
    known = tuple(words)
    ended = {(end.number, word.order) for word, end in said(known, RegistrationEnded)}
    return tuple(
        Registration(
            made.register_name,
            made.country,
            made.number,
            date.fromisoformat(made.registered_on),
            None if made.expires_on is None else date.fromisoformat(made.expires_on),
            word.event,
        )
        for word, made in said(known, RegistrationMade)
        if not any(number == made.number and order > word.order for number, order in ended)
    )
