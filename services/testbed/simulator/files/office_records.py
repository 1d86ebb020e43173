"""What parties published in a world, as their offices hold it: a record leaves once, by itself or in a file.

A file names no record by its id. So what was sent twice, contradicted, corrected or taken back stays a record; everything
else an office may put into a file instead, which then carries the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from schemas.rfc3339 import parse_micros
from services.testbed.simulator.corridors import PlayedWorld
from services.testbed.simulator.reports import Message
from services.testbed.simulator.service import Service
from services.testbed.simulator.world import Bond


@dataclass(frozen=True, slots=True)
class TrainConsist:
    """A train as it was made up at ``station``, of wagons that keep together, and when it left there.

    ``loaded`` are since when each wagon is loaded as it is now, ``loaders`` who loaded it.
    """

    key: str
    railway: str
    service: Service
    station: str
    made: int
    left: int
    wagons: Sequence[tuple[str, Sequence[str]]]
    loaded: frozenset[tuple[int, str]]

    @property
    def number(self) -> str:
        return self.key.split("/")[1]

    @property
    def day(self) -> str:
        """The service date in its name."""
        return self.key.split("/")[2]

    @property
    def boxes(self) -> list[str]:
        return [box for _, boxes in self.wagons for box in boxes]


def _train_consists(played: PlayedWorld) -> Mapping[str, TrainConsist]:
    """Every train by its key that has left with all the wagons it was made up of, and lost none on its way."""
    loads: dict[str, list[Bond]] = defaultdict(list)
    trains: dict[str, list[Bond]] = defaultdict(list)
    for bond in played.world.bonds:
        if bond.what == "link.wagon_loaded":
            loads[bond.versions[0][2]["wagon"]].append(bond)
        elif bond.what == "link.train_composed":
            trains[bond.versions[0][2]["train"]].append(bond)
    left: dict[tuple[str, str], int] = {}
    for happening in played.world.happenings:
        if happening.what == "movement.departed" and happening.about[0][0] == "train":
            left.setdefault((happening.about[0][1], happening.place), happening.at)
    services = {stretch.train: stretch.service for stretch in played.tracks.stretches()}
    found = {}
    for key, bonds in trains.items():
        since, _, details = bonds[0].versions[0]
        whole = len(bonds) == 1 and all(
            len(v[2]["wagons"]) == len(details["wagons"]) for v in bonds[0].versions
        )
        if not whole or (key, details["place"]) not in left or key not in services:
            continue
        loaded = [(wagon, _load(loads[wagon], since)) for wagon in details["wagons"]]
        if all(bond is not None for _, bond in loaded):
            found[key] = TrainConsist(
                key, bonds[0].author, services[key], details["place"].removeprefix("railnet:"), since,
                left[key, details["place"]],
                [(wagon, tuple(bond.versions[0][2]["containers"])) for wagon, bond in loaded if bond],
                frozenset((bond.versions[0][0], bond.author) for _, bond in loaded if bond),
            )  # fmt: skip
    return found


def _load(loads: Sequence[Bond], at: int) -> Bond | None:
    """The latest load of a wagon before ``at``."""
    return max((b for b in loads if b.versions[0][0] <= at), key=lambda b: b.versions[0][0], default=None)


@dataclass(frozen=True, slots=True)
class Fact:
    """What a right reader finds in a file: the event ("movement.departed"), and the fields of it that the file carries."""

    what: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PartnerFile:
    """A file as ``party`` hands it over at ``sent`` (UTC microseconds), with the format's name in the readers' catalogue."""

    sent: int
    party: str
    format: str
    name: str
    content: bytes
    facts: tuple[Fact, ...]


class OfficeRecords:
    """The records of a world that may go into files, and those that are left; ``trains`` by key, see ``_train_consists``."""

    def __init__(self, played: PlayedWorld) -> None:
        self.played = played
        self.trains = _train_consists(played)
        self._messages = played.publication.messages
        self._taken: set[tuple[str, str]] = set()
        self._plain: dict[tuple[str, str], list[Message]] = defaultdict(list)
        times = Counter((message.party, message.record["id"]) for message in self._messages)
        referred = {(message.party, message.record["data"].get("target")) for message in self._messages}
        for message in self._messages:
            key = message.party, message.record["id"]
            if message.copies == 1 and times[key] == 1 and key not in referred and not message.refused_as:
                self._plain[message.party, message.record["type"]].append(message)

    def plain(self, party: str, what: str) -> list[Message]:
        """What ``party`` published of ``what`` ("movement.departed") that was neither changed nor withdrawn and is in no file yet."""
        found = self._plain[party, f"cre.{what}.v1"]
        return [message for message in found if (party, message.record["id"]) not in self._taken]

    def take(self, message: Message, *fields: str) -> Fact:
        """Let the record leave in a file that carries these ``fields`` of it."""
        self._taken.add((message.party, message.record["id"]))
        return Fact(what_of(message), {name: message.record["data"][name] for name in fields})

    def rest(self) -> list[Message]:
        """The messages of which no file has the record, in their order."""
        return [m for m in self._messages if (m.party, m.record["id"]) not in self._taken]

    def random(self, *purpose: object) -> Random:
        """A generator for the quirks of one file."""
        return self.played.world.random("file", *purpose)


def what_of(message: Message) -> str:
    """The event that a record makes, without prefix and version."""
    return str(message.record["type"]).removeprefix("cre.").rpartition(".")[0]


def at(message: Message, field: str = "happened") -> int:
    """A time of a record in UTC microseconds."""
    return parse_micros(message.record["data"][field])


def named(message: Message, kind: str) -> list[str]:
    """The ids of the objects of ``kind`` that a record is about."""
    return [ref["id"] for ref in message.record["data"]["objects"] if ref["kind"] == kind]


def only(message: Message, kind: str) -> str:
    """The id of the one object that a record is about, "" where there are others."""
    refs = message.record["data"]["objects"]
    return refs[0]["id"] if len(refs) == 1 and refs[0]["kind"] == kind else ""


def objects(kind: str, ids: Sequence[str]) -> list[dict[str, str]]:
    """References to objects of one kind, as records have them."""
    return [{"kind": kind, "id": id} for id in ids]
