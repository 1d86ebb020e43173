"""Progress, differences and findings of fsck and replay, and the report of a check."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

MOST_FINDINGS = 10_000
"""Findings that are listed in full; beyond that they are only counted."""

Progress = Callable[[str, int, int], None]
"""(stage, done, of); ``of`` is 0 where the amount is not known."""
INTERVAL = 1.0
"""Seconds between two calls of a throttled ``Progress`` within one stage."""

REBUILD = "Rebuild the state from the stored events: `lianyun replay --accept-differences`."
"""The remedy for everything that is derived from sound messages."""

UNREAD = (
    "Compare these rows with a backup, by `SELECT`: one of them holds what no release writes. "
    "Where they are right, it is an error of the check; report it with this line."
)


class ThrottledProgress:
    """Passes progress on at the beginning and end of each stage, and about once a second between; to None it passes nothing."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._last = ("", 0.0)

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        known, at = self._last
        if self._progress is not None and (stage != known or now - at >= INTERVAL or done == total > 0):
            self._progress(stage, done, total)
            self._last = (stage, now)


class Difference(NamedTuple):
    """A value that is not the expected one; ``field`` is "row" where the whole row differs or one of the two is missing."""

    row: str
    field: str
    stored: object
    expected: object


def compare_fields(row: str, stored: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Difference]:
    """The fields of ``expected`` whose stored values are others, in its order."""
    for name, value in expected.items():
        if stored[name] != value:
            yield Difference(row, name, stored[name], value)


class Damage(StrEnum):
    """What kind of thing is not as it follows from the stored bytes."""

    BODY = "BODY"  # a message is missing, or stored twice
    SIGNATURE = "SIGNATURE"  # its publisher is not proven by the stored bytes
    IDENTITY = "IDENTITY"  # ids and contents are not the digests of what is stored
    ADMISSION = "ADMISSION"  # the event would not have been admitted by the registry of that version
    FACT = "FACT"  # a state row differs from its event, is missing, or has no event
    LIVENESS = "LIVENESS"  # a dead event counts, or a live one does not
    LINK_END = "LINK_END"  # the effective end of a link
    CANONICAL = "CANONICAL"  # which consignments are one
    REACH = "REACH"  # whose statements count for a consignment and what reaches it
    HEAD = "HEAD"  # a head is not the domain's head of its facts
    TRAIN_HEAD = "TRAIN_HEAD"
    LEDGER = "LEDGER"  # offsets, batches and event numbers do not add up
    LETTER = "LETTER"  # dead letters
    TRACE = "TRACE"  # a trace is noted for an event that is not stored or has another
    REGISTRY = "REGISTRY"  # registry tables are not the fold of its events
    TERM = "TERM"  # a text behind a number is missing or another
    DECISION = "DECISION"  # a decision is not signed by the platform, or differs from its row
    FINANCING = (
        "FINANCING"  # what is held, or found, does not follow from the decisions and events; or is held twice
    )
    CASE = "CASE"  # a step of a case is not signed by the platform, or a case is not what its steps and causes make of it
    DOCUMENT = "DOCUMENT"  # a decision on a document is not proven, or who holds it is not what the decisions make of it
    GENERATION = "GENERATION"  # there is no current state, or it is none that this release can check
    UNREADABLE = "UNREADABLE"  # what is stored could not be read as what it should be: the check of it ended by an error
    AUDIT = "AUDIT"  # a register differs from its entries in the audit trail, or entries are missing or were changed
    ACCESS_LOG = "ACCESS_LOG"  # a line of the access log, or a repeatable answer, is missing or was changed
    RELEASE = "RELEASE"  # migrations or reference tables are not those of a release
    WEBHOOK = "WEBHOOK"  # a message to a party, or how far its delivery got, is missing or was changed
    ARRIVAL = "ARRIVAL"  # the legs that a consignment has run, or their counts, do not follow from the events
    TRANSPARENCY = "TRANSPARENCY"  # the transparency log does not hold what is stored, or is not what was signed and cosigned
    CREDIT = "CREDIT"  # what was observed of a shipper, or its sums, do not follow from the events


@dataclass(frozen=True, slots=True)
class Finding:
    """One damage: ``where`` names the row, ``stored`` and ``expected`` are its values, ``remedy`` is what to do."""

    kind: Damage
    where: str
    publisher: str  # code of the party concerned, "" where none is
    field: str
    stored: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        by = f" of {self.publisher}" if self.publisher else ""
        return (
            f"{self.kind} {self.where}{by}: {self.field} is {self.stored}, expected {self.expected}. "
            f"{self.remedy}"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a check. ``counts`` says how much was compared, ``found`` how many findings of each kind there are.

    ``findings`` holds the first MOST_FINDINGS of them. ``waiting`` are heads (and rows behind them) that workers had not
    settled within the time given: neither a finding nor checked.
    """

    findings: tuple[Finding, ...]
    found: Mapping[str, int]
    counts: Mapping[str, int]
    seconds: float
    waiting: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.found

    def plain(self) -> dict[str, Any]:
        """The report as JSON-ready data."""
        names = Finding.__slots__
        return {
            "sound": self.sound,
            "findings": [{name: str(getattr(finding, name)) for name in names} for finding in self.findings],
            "found": dict(self.found),
            "counts": dict(self.counts),
            "waiting": self.waiting,
            "seconds": round(self.seconds, 3),
        }


@dataclass(slots=True)
class Findings:
    """Collects findings and counts while a check runs; bounded, and mergeable from several processes."""

    listed: list[Finding] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        kind: Damage,
        where: str,
        field: str,
        stored: object,
        expected: object,
        remedy: str,
        publisher: str = "",
    ) -> None:
        """Add one finding; values are shown in at most 200 characters."""
        self.found[kind.value] += 1
        if len(self.listed) < MOST_FINDINGS:
            self.listed.append(
                Finding(kind, where, publisher, field, _shown(stored), _shown(expected), remedy)
            )

    def add_differences(
        self, kind: Damage, differences: Iterable[Difference], remedy: str, publisher: str = ""
    ) -> None:
        """Add one finding for each difference, under the name of its row."""
        for each in differences:
            self.add(kind, each.row, each.field, each.stored, each.expected, remedy, publisher)

    def unreadable(self, where: str, problem: Exception, publisher: str = "") -> None:
        """Add the finding that ``where`` could not be checked: reading what is stored there ended by ``problem``."""
        stored = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
        self.add(Damage.UNREADABLE, where, "value", stored, "what can be read", UNREAD, publisher)

    def report(self, seconds: float, waiting: int = 0) -> Report:
        """Everything so far as a report."""
        return Report(tuple(self.listed), dict(self.found), dict(self.counts), seconds, waiting)

    def drain(self) -> Findings:
        """Everything so far as findings of their own; these are empty afterwards."""
        other = Findings(self.listed, self.found, self.counts)
        self.listed, self.found, self.counts = [], Counter(), Counter()
        return other

    def merge(self, other: Findings) -> None:
        """Take over what others hold."""
        self.listed.extend(other.listed[: MOST_FINDINGS - len(self.listed)])
        self.found.update(other.found)
        self.counts.update(other.counts)


def _shown(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
