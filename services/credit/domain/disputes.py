"""Disputes: from when to when a disputed event is set aside, and who may answer.

Only the shipper may dispute what is counted about it, and only the publisher of the disputed event may answer. While unanswered,
the observations that rest on the event are frozen: the score is given with and without them. An accepted dispute removes them
for good, a rejected one leaves them in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.credit.domain.observations import Observation
from services.credit.domain.signals import Model, Signal
from services.credit.domain.statements import DAY, CreditFacts, Dispute, Resolution
from services.domain.facts import EventId, Micros
from services.domain.liveness import Liveness


class DisputeState(StrEnum):
    """The state of a dispute."""

    OPEN = "OPEN"
    UNANSWERED = "UNANSWERED"  # open beyond the time in which the publisher has to answer
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class DisputeStatus:
    """One dispute as of a moment: its state, when the answer is due, and whose it is."""

    dispute: Dispute
    state: DisputeState
    answer_due: Micros
    owner: str | None  # the publisher of the disputed event, None where the event is not known


def dispute_statuses(
    credit: CreditFacts, liveness: Liveness, model: Model, as_of: Micros
) -> tuple[DisputeStatus, ...]:
    """Every live dispute published by ``as_of``, by time of publication."""
    live = [d for d in credit.disputes if liveness.live(d.event) and d.published <= as_of]
    owners = dict(credit.publishers)
    answers: dict[EventId, list[Resolution]] = {}
    for resolution in credit.resolutions:
        if liveness.live(resolution.event) and resolution.published <= as_of:
            answers.setdefault(resolution.dispute, []).append(resolution)
    return tuple(
        _judge(dispute, owners.get(dispute.concerns), answers.get(dispute.event, ()), model, as_of)
        for dispute in sorted(live, key=lambda d: (d.published, d.event))
    )


def _judge(
    dispute: Dispute, owner: str | None, answers: Iterable[Resolution], model: Model, as_of: Micros
) -> DisputeStatus:
    due = dispute.published + model.answer_days * DAY
    by_owner = (a for a in answers if a.publisher == owner)
    last = max(by_owner, key=lambda a: (a.published, a.event), default=None)
    if last is not None:
        state = DisputeState(last.outcome)
    else:
        state = DisputeState.OPEN if as_of <= due else DisputeState.UNANSWERED
    return DisputeStatus(dispute, state, due, owner)


@dataclass(frozen=True, slots=True)
class SetAside:
    """The events that do not count for a signal of a shipper: for good, and while their dispute is open."""

    accepted: frozenset[tuple[str, Signal, EventId]]
    open: frozenset[tuple[str, Signal, EventId]]

    def frozen(self, seen: Observation) -> bool:
        """Whether the observation rests on an event whose dispute is open."""
        return any((seen.shipper, seen.signal, event) in self.open for event in seen.events)

    def out(self, seen: Observation) -> bool:
        """Whether the observation rests on an event whose dispute was accepted."""
        return any((seen.shipper, seen.signal, event) in self.accepted for event in seen.events)


def set_aside(standings: Iterable[DisputeStatus]) -> SetAside:
    """What the disputes set aside; an event with several disputes is out if one was accepted."""
    by_state: dict[bool, set[tuple[str, Signal, EventId]]] = {True: set(), False: set()}
    for each in standings:
        if each.state is not DisputeState.REJECTED:
            key = each.dispute.shipper, each.dispute.signal, each.dispute.concerns
            by_state[each.state is DisputeState.ACCEPTED].add(key)
    return SetAside(frozenset(by_state[True]), frozenset(by_state[False] - by_state[True]))


def concerned(seen: Iterable[Observation], aside: SetAside) -> Mapping[str, tuple[Observation, ...]]:
    """The observations that are ``out`` and those that are ``frozen``."""
    every = tuple(seen)
    out = tuple(each for each in every if aside.out(each))
    return {"out": out, "frozen": tuple(e for e in every if aside.frozen(e) and not aside.out(e))}
