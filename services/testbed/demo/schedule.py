"""What goes out in a demo and when: every message and every file of a simulated world at its simulated time."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from schemas.events.catalogue import spec
from services.producers import publisher
from services.producers.intake import Intake
from services.producers.profile import Profile
from services.producers.spool import Message, Spool
from services.testbed.simulator.files import Deliveries, PartnerFile, settings
from services.testbed.simulator.signed_messages import Outgoing, expected, sign_all, sprinkle

BROKEN_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class ScheduledItem:
    """Something that goes out at ``at`` (simulated, UTC microseconds); ``bypasses_spool`` says that it goes past the spool.

    Past it go copies, second contents under an id and messages that must be refused: a spool would stop them.
    """

    at: int
    what: Outgoing | PartnerFile
    bypasses_spool: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that goes out, in the order of time, and how many messages must be refused for which reason."""

    items: tuple[ScheduledItem, ...]
    refusals: Mapping[str, int]

    @property
    def files(self) -> list[PartnerFile]:
        """The files among it."""
        return [due.what for due in self.items if isinstance(due.what, PartnerFile)]

    @property
    def digest(self) -> str:
        """SHA-256 of all that goes out, byte for byte and in its order: equal for the same world on every machine."""
        found = hashlib.sha256()
        for due in self.items:
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


def schedule(deliveries: Deliveries, known: Mapping[str, Profile], random: Random) -> Schedule:
    """Sign the messages of ``deliveries`` for the parties ``known``, with broken ones between them; files go as they are."""
    mixed = sprinkle(sign_all(deliveries.messages, known), known, random, BROKEN_SHARE)
    items = [*_timed(mixed), *(ScheduledItem(file.sent, file) for file in deliveries.files)]
    return Schedule(tuple(sorted(items, key=lambda due: due.at)), expected(mixed))


def _timed(mixed: Iterable[Outgoing]) -> Iterator[ScheduledItem]:
    """When each goes out, and whether past the spool."""
    seen: set[bytes] = set()
    for out in mixed:
        yield ScheduledItem(
            out.sent, out, bypasses_spool=bool(out.refused_as) or out.message.identity in seen
        )
        if not out.refused_as:
            seen.add(out.message.identity)


class Dispatcher:
    """A context manager over the spools of all parties in ``folder`` and one connection to the broker."""

    def __init__(self, known: Mapping[str, Profile], bootstrap: str, folder: Path) -> None:
        self._known, self._bootstrap, self._folder = known, bootstrap, folder
        self._spools: dict[str, Spool] = {}
        self.sent = 0
        """Messages that the broker has acknowledged."""
        self.files: Counter[str] = Counter()
        """How many files of each format were read."""
        self.made: dict[str, Counter[str]] = defaultdict(Counter)
        """By format: how many events of each kind its files made."""

    def __enter__(self) -> Self:
        self._producer = publisher.connect(self._bootstrap)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._producer.close(timeout=5)
        for spool in self._spools.values():
            spool.__exit__(None, None, None)

    def send(self, items: Iterable[ScheduledItem]) -> None:
        """Send ``items`` and wait until the broker has acknowledged them. Raises AssertionError where it has not."""
        spooled: dict[str, list[Message]] = defaultdict(list)
        bypasses_spool: list[Message] = []
        parties: set[str] = set()
        for due in items:
            if isinstance(due.what, PartnerFile):
                self._read(due.what)
                parties.add(due.what.party)
            elif due.bypasses_spool:
                bypasses_spool.append(due.what.message)
            else:
                spooled[due.what.party].append(due.what.message)
        for party, messages in spooled.items():
            self._spool(party).put(messages)
        for party in sorted(parties | spooled.keys()):
            spool = self._spool(party)
            self.sent += publisher.send_waiting(spool, self._producer)
            waiting, _ = spool.counts()
            assert not waiting, f"the broker did not acknowledge {waiting} events of {party}"
        futures = [
            self._producer.send(m.topic, value=m.value, key=m.key or None, headers=list(m.headers))
            for m in bypasses_spool
        ]
        for future in futures:
            future.get(timeout=30)
        self.sent += len(futures)

    def _read(self, file: PartnerFile) -> None:
        """Put into the spool what the party's reader makes of a file; it has to be as many events as the file has facts."""
        profile = replace(self._known[file.party], files=settings(file.party))
        outcome = Intake(profile, self._spool(file.party)).content(file.name, file.content)
        made = [spec(record.type).name for record in outcome.records if record.identity is not None]
        wanted = Counter(fact.what for fact in file.facts)
        refusals = [outcome.refusal, *(record.refusal for record in outcome.records)]
        assert Counter(made) == wanted, f"{file.party}/{file.name}: {Counter(made)}, not {wanted}; {refusals}"
        assert outcome.format == file.format, f"{file.party}/{file.name} was read as {outcome.format}"
        self.files[file.format] += 1
        self.made[file.format].update(made)

    def _spool(self, party: str) -> Spool:
        if party not in self._spools:
            self._spools[party] = Spool(self._folder / f"{party}.spool")
        return self._spools[party]
