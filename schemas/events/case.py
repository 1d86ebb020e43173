"""Steps of cases (numbers 8000 to 8099): a condition that a party has to act on, and its owner.

A case is opened by rule, from what partners published, and its id follows from what it is about. Every step is decided once,
under a lock, and signed by the platform; ``before`` names the step of the same case that it rests on, so that two steps never
rest on one and nobody owns a case twice. An owner is a party and one of its desks, never a natural person; the second version of
a step that a desk takes names, by a pseudonym, the signed-in person who took it for the desk.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import ObjectRef, PartyCode, Payload, Place, Time, Wire
from schemas.events.declare import event
from schemas.events.finance_decision import Digest16, Number, Signatory
from schemas.events.vocabulary import ObjectKind, Region, Role
from schemas.events.wire import Code, Occurrence, OwnReference, Sha256Hex
from schemas.rfc3339 import parse_micros

Kind = Literal[
    "HELD",
    "DETAINED",
    "TROUBLE",
    "SILENT",
    "OVERDUE",
    "HANDOVER_DIFFERENCE",
    "DISPUTE",
    "FINANCING_ALERT",
]
KindOnForecast = Literal[Kind, "ARRIVAL_LATE"]
KindOnFinding = Literal[KindOnForecast, "CONTRADICTION"]
Lateness = Literal["IN_TIME", "LIKELY_LATE", "LATE", "OVER"]
Closing = Literal["CAUSE_GONE", "RESOLVED", "FALSE_ALARM", "NOT_OURS"]

_step = partial(
    event,
    region=Region.CASE,
    by=(Role.PLATFORM,),
    about=frozenset(ObjectKind),
    authority=(Role.PLATFORM,),
    document="case",
)


class Desk(Wire):
    """Who acts: a party, and which of its desks; never a natural person."""

    party: PartyCode
    desk: Code


class Person(Signatory):
    """Who took the step for the desk: the issuer that signed the person in, and the platform's random pseudonym of it."""


class CaseStep(Payload):
    """One step of the case with the id ``case``; ``by`` is left out where a rule of the platform acts.

    ``happened`` is the moment under the lock, ``number`` orders the steps of all cases, ``position`` is the reading position
    below which everything accepted was seen, ``before`` the number of the step of the same case that came last.
    """

    happened: Time
    case: Digest16
    number: Number
    position: Number
    before: Number | None = None
    by: Desk | None = None

    @cached_property
    def happened_micros(self) -> int:
        """``happened`` in UTC microseconds; raises Refusal where it is no time that exists."""
        return parse_micros(self.happened, "/happened")

    def check(self) -> None:
        self.happened_micros  # noqa: B018 - computed once, cached


class _Opening(CaseStep):
    since: Time
    evidence: Annotated[tuple[Digest16, ...], Field(strict=False, max_length=256)] = ()

    def check(self) -> None:
        super().check()
        parse_micros(self.since, "/since")


class _Subject(_Opening):
    kind: KindOnFinding
    what: Code
    about: ObjectRef
    jurisdiction: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""
    place: Place | None = None
    occurrence: Occurrence = ""


@_step("case.opened.v1", 8000)
class Opened(_Subject):
    """A case was opened by rule: what it is about, since when there is cause for it, and on which events that rests."""

    kind: Kind


class OpenedOnForecast(_Subject):
    """A case was opened by rule, on events or on the judgment of a forecast: what it is about, since when there is cause for it."""

    kind: KindOnForecast


OpenedOnForecast.spec = replace(Opened.spec, type="cre.case.opened.v2")


class OpenedOnFinding(_Subject):
    """A case was opened by rule, on events, on the judgment of a forecast or on a finding in a trade: what it is about, since when there is cause."""


OpenedOnFinding.spec = replace(Opened.spec, type="cre.case.opened.v3")


@_step("case.reopened.v1", 8001)
class Reopened(_Opening):
    """The cause of a closed case was gone and has come back, so the case stands open again, and nobody owns it."""


@_step("case.acknowledged.v1", 8002)
class Acknowledged(CaseStep):
    """A desk has seen a case that nobody owned, and owns it from now on."""

    by: Desk


@_step("case.assigned.v1", 8003)
class Assigned(CaseStep):
    """A case was given to a desk, by its owner or, while it had none, by anybody."""

    by: Desk
    to: Desk


@_step("case.snoozed.v1", 8004)
class Snoozed(CaseStep):
    """The owner of a case need not be asked about it until a moment, for a reason; the case stays open."""

    by: Desk
    until: Time
    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*$")]

    def check(self) -> None:
        super().check()
        parse_micros(self.until, "/until")


@_step("case.noted.v1", 8005)
class Noted(CaseStep):
    """A desk put a note to a case, for whoever looks at it next; the text is in ``remark``."""

    by: Desk
    remark: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*$")]


@_step("case.closed.v1", 8006)
class Closed(CaseStep):
    """A case was closed by its owner, or by rule where its cause was gone and nobody owned it."""

    reason: Closing


@_step("case.arrival_judged.v1", 8007)
class ArrivalJudged(Payload):
    """What the platform's forecast of an arrival means for a date that somebody counts on: the carrier's plan, or the maturity of a
    financing.

    Recorded whenever that changes. ``happened`` is the moment that the forecast is of, ``model`` the version of its rules and table,
    ``inputs_sha256`` the digest of everything that it is a function of; ``before`` is the judgment before it on the same date.
    """

    happened: Time
    number: Number
    position: Number
    before: Number | None = None
    consignment: OwnReference
    financing: OwnReference | None = None
    due: Time
    due_event: Digest16 | None = None
    lateness: Lateness
    p10: Time | None = None
    p50: Time | None = None
    p90: Time | None = None
    model: Code
    inputs_sha256: Sha256Hex | None = None
    evidence: Annotated[tuple[Digest16, ...], Field(strict=False, max_length=256)] = ()

    @cached_property
    def happened_micros(self) -> int:
        """``happened`` in UTC microseconds; raises Refusal where it is no time that exists."""
        return parse_micros(self.happened, "/happened")

    def check(self) -> None:
        for name in ("happened", "due", "p10", "p50", "p90"):
            if (moment := getattr(self, name)) is not None:
                parse_micros(moment, f"/{name}")


class AcknowledgedByPerson(Acknowledged):
    """A desk has seen a case that nobody owned, and owns it from now on; ``person`` took the step for it."""

    person: Person | None = None


AcknowledgedByPerson.spec = replace(Acknowledged.spec, type="cre.case.acknowledged.v2")


class AssignedByPerson(Assigned):
    """A case was given to a desk, by its owner or, while it had none, by anybody; ``person`` took the step for it."""

    person: Person | None = None


AssignedByPerson.spec = replace(Assigned.spec, type="cre.case.assigned.v2")


class SnoozedByPerson(Snoozed):
    """The owner of a case need not be asked about it until a moment, for a reason; the case stays open; ``person`` took the step for it."""

    person: Person | None = None


SnoozedByPerson.spec = replace(Snoozed.spec, type="cre.case.snoozed.v2")


class NotedByPerson(Noted):
    """A desk put a note to a case, for whoever looks at it next; ``person`` took the step for it."""

    person: Person | None = None


NotedByPerson.spec = replace(Noted.spec, type="cre.case.noted.v2")


class ClosedByPerson(Closed):
    """A case was closed by its owner; ``person`` took the step for it."""

    person: Person | None = None


ClosedByPerson.spec = replace(Closed.spec, type="cre.case.closed.v2")
