"""Reads the credit stories: the shorthand of the other stories, and ``repeat`` for what happens again and again.

An entry of ``events`` may be ``{repeat: 24, every_days: 15, events: [...]}``: its events are told 24 times, ``{n}`` stands for the
number (01, 02 ...) and every time in them moves on by 15 days.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from schemas.events.base import ObjectKind
from schemas.events.decode import decode_payload
from schemas.rfc3339 import parse_micros
from services.credit.domain.consignment_signals import observe
from services.credit.domain.disputes import dispute_statuses, set_aside
from services.credit.domain.financing_signals import observe_financings
from services.credit.domain.observations import Observation, count, day_of, of_shipper
from services.credit.domain.rates import closures
from services.credit.domain.score import Record, record
from services.credit.domain.signals import Model, model
from services.credit.domain.statements import CreditFacts, read
from services.domain.facts import Facts
from services.domain.interpretation import Attribution
from services.domain.liveness import Liveness, judge
from services.domain.objects import Thing
from tests.stories.shorthand import instant
from tests.stories.story import Story, Text, Told

FOLDER = Path(__file__).parent
_TIME = re.compile(r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?")


@dataclass(frozen=True)
class State:
    """All that is known at one moment, as the heart and credit read it."""

    facts: Facts
    told: CreditFacts

    def __or__(self, other: State) -> State:
        return State(self.facts | other.facts, self.told | other.told)

    @cached_property
    def liveness(self) -> Liveness:
        return judge(self.facts.withdrawals, self.facts.equivocated)

    def observations(self, table: Model) -> frozenset[Observation]:
        """Everything that is observed of anybody."""
        cargo = (observe(self.facts, self.told, thing, table) for thing in self.consignments())
        return frozenset().union(*cargo, observe_financings(self.told, self.liveness, table))

    def consignments(self) -> list[Thing]:
        return sorted({founding.consignment for founding in self.facts.foundings})

    def record(self, shipper: str, as_of: int, table: Model) -> Record:
        """The record of ``shipper``, everything computed anew."""
        seen = self.observations(table)
        standings = dispute_statuses(self.told, self.liveness, table, as_of)
        today = day_of(as_of)
        live = [r for r in self.facts.restrictions if self.liveness.live(r.event) and r.territorial]
        return record(
            shipper,
            of_shipper(count(seen), shipper),
            seen,
            set_aside(standings),
            closures(live, self.facts.liftings, today, table),
            today,
            table,
        )


def piece(told: Told) -> State:
    """What one event states; each call reads its bytes anew."""
    envelope = told.envelope
    statement = Attribution(told.event, envelope.source, told.publisher, envelope.published_micros)
    return State(told.facts(), read(statement, decode_payload(envelope.type, told.payload)))


@dataclass(frozen=True)
class CreditStory:
    """One case: what is told, at which moment we look, and what must be known of each shipper."""

    story: Story

    @property
    def slug(self) -> str:
        return self.story.slug

    @property
    def as_of(self) -> int:
        return parse_micros(self.story.as_of)

    @cached_property
    def pieces(self) -> tuple[State, ...]:
        return tuple(piece(told) for told in self.story.told)

    @cached_property
    def state(self) -> State:
        return joined(self.pieces)

    def short(self, event: bytes) -> str:
        """The short id under which the story tells that event."""
        return next(told.short for told in self.story.told if told.event == event)


def joined(pieces: list[State] | tuple[State, ...]) -> State:
    """The union of ``pieces``, in one pass."""
    return State(Facts.union(p.facts for p in pieces), CreditFacts.union(p.told for p in pieces))


@cache
def credit_stories() -> tuple[CreditStory, ...]:
    """All credit stories by file name; read once."""
    return tuple(CreditStory(_read(path)) for path in sorted(FOLDER.glob("[0-9][0-9]_*.yaml")))


def consignment(key: str) -> Thing:
    return Thing(ObjectKind.CONSIGNMENT, key)


def current() -> Model:
    return model()


def _read(path: Path) -> Story:
    told = yaml.load(path.read_text(encoding="utf-8"), Text)
    unknown = set(told) ^ {"title", "why", "parties", "events", "as_of", "expect"}
    if unknown:
        raise ValueError(f"{path.name}: missing or unknown {sorted(unknown)}")
    events = tuple(event for entry in told["events"] for event in _expanded(entry))
    shorts = [event["id"] for event in events]
    if len(set(shorts)) != len(shorts):
        raise ValueError(f"{path.name}: an event id stands twice")
    return Story(
        path.stem,
        told["title"],
        told["why"],
        told["parties"],
        events,
        instant(told["as_of"]),
        told["expect"],
    )


def _expanded(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "repeat" not in entry:
        yield entry
        return
    for n in range(int(entry["repeat"])):
        shift = timedelta(days=int(entry["every_days"]) * n)
        for event in entry["events"]:
            yield _told_again(event, f"{n + 1:02}", shift)


def _told_again(value: Any, number: str, shift: timedelta) -> Any:
    if isinstance(value, dict):
        return {key: _told_again(each, number, shift) for key, each in value.items()}
    if isinstance(value, list):
        return [_told_again(each, number, shift) for each in value]
    if not isinstance(value, str):
        return value
    found = _TIME.match(value)
    if found is None:
        return value.replace("{n}", number)
    moved = datetime.fromisoformat(found.group()) + shift
    spelled = moved.isoformat(timespec="minutes" if "T" in value else "auto")
    return (spelled if "T" in value else spelled[:10]) + value[found.end() :]
