"""What was told in a world, as the offices of its parties keep it: a record leaves once, by itself or in a file.

A file names no record by its id. So what was sent twice, contradicted, corrected or taken back stays a record; everything
else an office may put into a file instead, which then says the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from schemas.rfc3339 import parse_micros
from services.testbed.simulator.corridors import Kept
from services.testbed.simulator.reports import Message


@dataclass(frozen=True, slots=True)
class Fact:
    """What a right reader finds in a file: the event ("movement.departed"), and the fields of it that the file tells."""

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


class Told:
    """The records of a world that may go into files, and those that are left."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self._messages = kept.telling.messages
        self._taken: set[tuple[str, str]] = set()
        self._plain: dict[tuple[str, str], list[Message]] = defaultdict(list)
        times = Counter((message.party, message.record["id"]) for message in self._messages)
        referred = {(message.party, message.record["data"].get("target")) for message in self._messages}
        for message in self._messages:
            key = message.party, message.record["id"]
            if message.copies == 1 and times[key] == 1 and key not in referred and not message.refused_as:
                self._plain[message.party, message.record["type"]].append(message)

    def plain(self, party: str, what: str) -> list[Message]:
        """What ``party`` told of ``what`` ("movement.departed") in words that stand, and that is in no file yet."""
        found = self._plain[party, f"cre.{what}.v1"]
        return [message for message in found if (party, message.record["id"]) not in self._taken]

    def take(self, message: Message, *fields: str) -> Fact:
        """Let the record leave in a file that tells these ``fields`` of it."""
        self._taken.add((message.party, message.record["id"]))
        return Fact(what_of(message), {name: message.record["data"][name] for name in fields})

    def rest(self) -> list[Message]:
        """The messages of which no file has the record, in their order."""
        return [m for m in self._messages if (m.party, m.record["id"]) not in self._taken]

    def random(self, *purpose: object) -> Random:
        """A generator for the quirks of one file."""
        return self.kept.world.random("file", *purpose)


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
