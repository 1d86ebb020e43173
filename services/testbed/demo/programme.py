"""What goes out in a demo and when: every message and every file of a simulated world at its simulated time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from services.producers.profile import Profile
from services.testbed.simulator.files import Handed, PartnerFile
from services.testbed.simulator.invalid_messages import expected, sprinkle
from services.testbed.simulator.signatures import Outgoing, sign_all

BROKEN_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Due:
    """Something that goes out at ``at`` (simulated, UTC microseconds); ``aside`` says that it goes past the spool.

    Past it go copies, second contents under an id and messages that must be refused: a spool would stop them.
    """

    at: int
    what: Outgoing | PartnerFile
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Programme:
    """All that goes out, in the order of time, and how many messages must be refused for which reason."""

    dues: tuple[Due, ...]
    refusals: Mapping[str, int]

    @property
    def files(self) -> list[PartnerFile]:
        """The files among it."""
        return [due.what for due in self.dues if isinstance(due.what, PartnerFile)]

    @property
    def digest(self) -> str:
        """SHA-256 of all that goes out, byte for byte and in its order: equal for the same world on every machine."""
        found = hashlib.sha256()
        for due in self.dues:
            for part in _bytes(due.what):
                found.update(len(part).to_bytes(4, "big") + part)
        return found.hexdigest()


def _bytes(what: Outgoing | PartnerFile) -> Iterator[bytes]:
    if isinstance(what, PartnerFile):
        yield from (what.party.encode(), what.name.encode(), what.content)
        return
    yield what.message.topic.encode()
    yield what.message.key
    for name, value in what.message.headers:
        yield from (name.encode(), value)
    yield what.message.value


def programme(handed: Handed, known: Mapping[str, Profile], random: Random) -> Programme:
    """Sign the messages of ``handed`` for the parties ``known``, with broken ones between them; files go as they are."""
    mixed = sprinkle(sign_all(handed.messages, known), known, random, BROKEN_SHARE)
    dues = [*_timed(mixed), *(Due(file.sent, file) for file in handed.files)]
    return Programme(tuple(sorted(dues, key=lambda due: due.at)), expected(mixed))


def _timed(mixed: Iterable[Outgoing]) -> Iterator[Due]:
    """When each goes out, and whether past the spool."""
    seen: set[bytes] = set()
    for out in mixed:
        yield Due(out.sent, out, aside=bool(out.refused_as) or out.message.identity in seen)
        if not out.refused_as:
            seen.add(out.message.identity)
