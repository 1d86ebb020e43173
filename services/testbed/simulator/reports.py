"""The records that partners publish about what happened, with the faults that messages have.

A record has the form of ``services.producers.unsigned_event``: ``{"id", "type", "time", "data"}``, the payload without its salt.
What is reported in a way that counts is noted beside them, so that the truth knows what a correct view can know.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.world import MINUTE, Bond, Happening, Ref, World

Record = dict[str, Any]
_TIMES = ("from", "to", "happened", "at")


@dataclass(frozen=True, slots=True)
class Message:
    """One record as its party sends it at ``sent`` (UTC microseconds), ``copies`` times.

    ``refused_as`` is why it must be refused, "" where it is valid.
    """

    sent: int
    party: str
    record: Record
    copies: int = 1
    refused_as: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """A happening that ``party`` reported in a way that counts, at the time ``stated`` in the end."""

    happening: Happening
    party: str
    stated: int


@dataclass(frozen=True, slots=True)
class Disputed:
    """Two parties differ about when something happened, further than anybody tolerates."""

    what: str
    place: str
    about: Ref


@dataclass(frozen=True, slots=True)
class Altered:
    """``party`` contradicts customs by a message of theirs that it has altered."""

    what: str
    about: Ref
    party: str


@dataclass(frozen=True, slots=True, order=True)
class UnengagedReport:
    """A report by a party that is not engaged with ``about``: it is stored and shown as such, and moves nothing."""

    party: str
    what: str
    place: str
    about: Ref
    stated: int


@dataclass(slots=True)
class Publication:
    """All that was published, and what of it counts; ``meetings`` is how each hand-over list was signed.

    Of a forgetful world only ``equivocations`` is kept.
    """

    messages: list[Message] = field(default_factory=list)
    reported: list[Reported] = field(default_factory=list)
    disputed: list[tuple[Disputed, Happening]] = field(default_factory=list)
    altered: list[tuple[Altered, Happening]] = field(default_factory=list)
    unengaged: list[UnengagedReport] = field(default_factory=list)
    meetings: dict[tuple[str, str], str] = field(default_factory=dict)
    unsigned: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    equivocations: int = 0

    @property
    def accepted(self) -> int:
        """How many different events a correct platform accepts."""
        return len({(m.party, m.record["id"]) for m in self.messages if not m.refused_as})

    @property
    def duplicates(self) -> int:
        """How many messages only repeat one, byte for byte."""
        return sum(message.copies - 1 for message in self.messages if not message.refused_as)


class RecordWriter:
    """Writes records for every party under ids of their own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._written: dict[str, int] = defaultdict(int)

    def record(self, party: str, type_: str, published: int, data: Mapping[str, Any]) -> Record:
        """A record of ``party`` published at ``published``, never later than the world's moment."""
        self._written[party] += 1
        return {
            "id": f"sim-{party}-{self._written[party]:06d}",
            "type": type_,
            "time": self.text(party, min(published, self._world.now)),
            "data": dict(data),
        }

    def text(self, party: str, at: int) -> str:
        """``at`` as ``party`` writes it: by its own clock, with the offset."""
        return moment(at).astimezone(PARTIES[party].zone).isoformat()

    def correct(
        self, party: str, wrong: Record, published: int, data: Mapping[str, Any], reason: str
    ) -> Record:
        """A correction of ``wrong`` (itself perhaps a correction) by ``data``."""
        type_ = wrong["type"]
        if type_ == "cre.correction.corrected.v1":
            type_ = wrong["data"]["replacement"]["type"]
        salt = hashlib.sha256(f"{self._world.seed}|{wrong['id']}|{published}".encode()).hexdigest()[:32]
        replacement = {"type": type_, "data": {"salt": salt, **data}}
        stated = {"target": wrong["id"], "reason": reason, "replacement": replacement}
        return self.record(party, "cre.correction.corrected.v1", published, stated)

    def retract(self, party: str, wrong: Record, published: int, reason: str) -> Record:
        """A retraction of ``wrong``."""
        stated = {"target": wrong["id"], "reason": reason}
        return self.record(party, "cre.correction.retracted.v1", published, stated)

    def milestone(
        self, happening: Happening, party: str, stated: int, about: tuple[Ref, ...] | None = None
    ) -> dict[str, Any]:
        """The payload of ``party`` on ``happening``, as having taken place at ``stated``."""
        data: dict[str, Any] = {"classifier": "ACT", "happened": stated}
        for name in ("place", "occurrence", "jurisdiction"):
            if value := getattr(happening, name):
                data[name] = value
        data |= {**happening.details, **happening.details_by_party.get(party, {})}
        things = happening.about if about is None else about
        data["objects"] = [{"kind": kind, "id": key} for kind, key in things]
        return self.dated(party, data)

    def dated(self, party: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """``data`` with its moments in the party's own writing."""
        return {
            name: self.text(party, value) if name in _TIMES and isinstance(value, int) else value
            for name, value in data.items()
        }

    def written(self, bond: Bond, lateness: int, ahead: bool) -> Iterator[Message]:
        """The messages of what is newly written of ``bond``: its first version, then corrections of the one before.

        ``ahead`` sends the later ones before their time.
        """
        now, party = self._world.now, bond.author
        for number, (at, written, details) in enumerate(
            bond.versions[bond.published_versions :], start=bond.published_versions
        ):
            bond.published_versions += 1
            if at > now:
                continue
            published = min(now, max(at, written, bond.published - lateness + MINUTE) + lateness)
            data = self.dated(party, details)
            if bond.record is None:
                record = self.record(party, f"cre.{bond.what}.v1", published, data)
            else:
                record = self.correct(party, bond.record, published, data, "INCOMPLETE")
            bond.published, bond.record = published, record
            yield Message(published - (30 * MINUTE * number if ahead else 0), party, record)


def moment(at: int) -> datetime:
    """UTC microseconds as a time."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


def type_of(happening: Happening) -> str:
    """The event type of ``happening``: the second version of what is lodged where it states what is declared."""
    return f"cre.{happening.what}.v{2 if 'declared' in happening.details else 1}"
