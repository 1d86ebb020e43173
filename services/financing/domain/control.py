"""Control of the cargo and entries in legal registers: what security a bank has, by the statements of partners, and until when.

A rail note is no document of title, and a note alone is never control. A bank is in control when it holds the duplicate (or
the document), the consignee may not dispose, and the time of it has not passed. Where engaged publishers differ on who holds
the duplicate, nobody is shown in control.
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
from services.financing.domain.statements import Statement, of_type

WARNING = 14 * 86_400 * 1_000_000
"""An entry in a register is called expiring for so long before its end."""


class ControlState(StrEnum):
    """State of a bank's control over the cargo of a note."""

    HELD = "HELD"
    LAPSED = "LAPSED"
    CONSIGNEE_MAY_DISPOSE = "CONSIGNEE_MAY_DISPOSE"
    HELD_BY_ANOTHER = "HELD_BY_ANOTHER"
    DISPUTED = "DISPUTED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class Control:
    """Control over the cargo of one note; ``holder`` is the party that holds the duplicate by the latest statement."""

    note: str
    note_type: str
    holder: str
    consignee_may_dispose: bool
    ends_at: Micros | None
    state: ControlState
    events: tuple[EventId, ...]


def controls(
    statements: Iterable[Statement], notes: frozenset[str], engaged: frozenset[str], bank: str, at: Micros
) -> tuple[Control, ...]:
    """The control of ``bank`` over each of ``notes`` on which an engaged party, or the bank, has made a statement."""
    relevant = [
        statement for statement in statements if statement.publisher in engaged or statement.publisher == bank
    ]
    recorded: dict[str, dict[str, tuple[Statement, ControlRecorded | ControlEnded]]] = {}
    records_and_ends: list[tuple[Statement, ControlRecorded | ControlEnded]] = [
        *of_type(relevant, ControlRecorded),
        *of_type(relevant, ControlEnded),
    ]
    for statement, payload in sorted(records_and_ends, key=lambda pair: pair[0].order):
        if payload.note_key in notes:
            recorded.setdefault(payload.note_key, {})[statement.publisher] = (statement, payload)
    found = (_control(note, list(by.values()), bank, at) for note, by in sorted(recorded.items()))
    return tuple(control for control in found if control is not None)


def _control(
    note: str, latest: list[tuple[Statement, ControlRecorded | ControlEnded]], bank: str, at: Micros
) -> Control | None:
    latest.sort(key=lambda pair: pair[0].order)
    records = [payload for _, payload in latest if isinstance(payload, ControlRecorded)]
    events = tuple(statement.event for statement, _ in latest)
    if not records:
        return Control(note, "", "", False, None, ControlState.ENDED, events)
    newest = records[-1]
    ends = [end for record in records if (end := record.ends_micros) is not None]
    ended = [w for w, p in latest if isinstance(p, ControlEnded) and w.order > _order_of(newest, latest)]
    if ended:
        state = ControlState.ENDED
    elif len({record.duplicate_holder for record in records}) > 1:
        state = ControlState.DISPUTED
    elif newest.duplicate_holder != bank:
        state = ControlState.HELD_BY_ANOTHER
    elif any(record.consignee_may_dispose for record in records):
        state = ControlState.CONSIGNEE_MAY_DISPOSE
    elif ends and min(ends) <= at:
        state = ControlState.LAPSED
    else:
        state = ControlState.HELD
    return Control(
        note=note,
        note_type=newest.note_type,
        holder=newest.duplicate_holder,
        consignee_may_dispose=any(record.consignee_may_dispose for record in records),
        ends_at=min(ends, default=None),
        state=state,
        events=events,
    )


def _order_of(
    record: ControlRecorded, latest: list[tuple[Statement, ControlRecorded | ControlEnded]]
) -> tuple[Micros, Micros, EventId]:
    return next(statement.order for statement, payload in latest if payload is record)


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
