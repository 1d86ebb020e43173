"""What goes out in a demo and when: every message of a simulated world at its simulated time, and the lists among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from services.producers.profile import Profile
from services.simulator.breaking import expected, sprinkle
from services.simulator.receipts import SheetFile, listed
from services.simulator.signing import Outgoing, sign_all
from services.simulator.telling import Message

BROKEN_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Due:
    """Something that goes out at ``at`` (simulated, UTC microseconds); ``aside`` says that it goes past the spool.

    Past it go copies, second contents under an id and messages that must be refused: a spool would stop them.
    """

    at: int
    what: Outgoing | SheetFile
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Programme:
    """All that goes out, in the order of time, and how many messages must be refused for which reason."""

    dues: tuple[Due, ...]
    refusals: Mapping[str, int]

    @property
    def sheets(self) -> list[SheetFile]:
        """The lists among it."""
        return [due.what for due in self.dues if isinstance(due.what, SheetFile)]


def programme(messages: Sequence[Message], known: Mapping[str, Profile], random: Random) -> Programme:
    """Sign ``messages`` for the parties ``known``, with broken ones between them, and put lists in the place of some."""
    records, sheets = listed(messages)
    mixed = sprinkle(sign_all(records, known), known, random, BROKEN_SHARE)
    times = [message.sent for message in records for _ in range(message.copies)]
    dues = [*_timed(mixed, times), *(Due(sheet.sent, sheet) for sheet in sheets)]
    return Programme(tuple(sorted(dues, key=lambda due: due.at)), expected(mixed))


def _timed(mixed: Iterable[Outgoing], times: Iterable[int]) -> Iterator[Due]:
    """Give each good message its time, and each broken one that of the good one before it."""
    clock, at = iter(times), 0
    seen: set[bytes] = set()
    for out in mixed:
        if out.refused_as:
            yield Due(at, out, aside=True)
            continue
        at = next(clock)
        yield Due(at, out, aside=out.message.identity in seen)
        seen.add(out.message.identity)
