"""The mix of the benchmark: which share of what, in which order it arrives; fixed by its numbers and a seed.

Events are drawn in the order in which their partners publish them and leave in the order in which they arrive, which
differs within ten minutes. A fifth of the links arrive after the events that need them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, NamedTuple

from services.testbed.bench import events as said
from services.testbed.bench import world as w
from services.testbed.bench.events import MINUTE, Said
from services.testbed.bench.invalid_messages import Spoil, spoilt
from services.testbed.bench.links import Linking

DISORDER: Final = 10 * MINUTE
PACE: Final = 400_000
"""Microseconds between two publications on average: 2.5 events a second, about what CRE is today."""
_RECENT = 4_000


class Planned(NamedTuple):
    """A message to be signed and sent; ``spoil`` says what its signer does wrong, "" nothing."""

    party: str
    type: str
    id: str
    time: str
    key: str
    payload: bytes
    spoil: Spoil = ""


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of all messages; what is left are single objects' milestones, by ``ordinary``."""

    train_positions: float = 0.075
    train_milestones: float = 0.025
    links: float = 0.05
    late_links: float = 0.2  # of the links
    corrections: float = 0.005
    retractions: float = 0.005
    duplicates: float = 0.02
    refused: float = 0.01
    ordinary: dict[str, float] = field(
        default_factory=lambda: {
            "container": 0.52,
            "container_customs": 0.09,
            "declaration": 0.08,
            "note": 0.05,
            "paper": 0.07,
        }
    )

    def shares(self) -> dict[str, Any]:
        """The numbers of the mix, for the report."""
        return {
            **asdict(self),
            "median_payload_bytes": 800,
            "consignments_per_train": w.PER_TRAIN,
            "disorder_minutes": DISORDER // MINUTE,
        }


MIX: Final = Mix()


class Plan:
    """Draws ``events`` messages over ``world``; iterate once. ``counts`` and ``logical`` are complete afterwards.

    ``label`` begins every event's id. ``logical`` counts, per accepted and new event, the consignments it concerns.
    """

    def __init__(self, world: w.World, events: int, seed: int, label: str, mix: Mix = MIX) -> None:
        self._world, self._events, self._label, self._mix = world, events, label, mix
        self._random = Random(f"{seed}/{label}")
        self._linking = Linking(world, self._random, DISORDER)
        self._recent: deque[tuple[str, Said]] = deque(maxlen=_RECENT)
        self._number = 0
        self.counts: Counter[str] = Counter()
        self.logical = 0

    def __iter__(self) -> Iterator[Planned]:
        waiting: list[tuple[int, int, Planned]] = []
        repeatable: deque[Planned] = deque(maxlen=1_500)
        kinds, weights = zip(*self._weights().items(), strict=True)
        for step in range(self._events):
            at = w.STARTS + step * PACE + self._random.randrange(PACE)
            kind = self._random.choices(kinds, weights)[0]
            if kind == "duplicate" and not repeatable:
                kind = "container"
            self.counts[kind] += 1
            if kind == "duplicate":
                planned = repeatable[self._random.randrange(len(repeatable))]
            else:
                planned = self._planned(kind, at)
                if kind != "refused":
                    repeatable.append(planned)
            # A duplicate is the same message once more, later than the one that it repeats or not.
            heappush(waiting, (at + self._random.randrange(DISORDER), step, planned))
            while waiting[0][0] <= at:
                yield heappop(waiting)[2]
        while waiting:
            yield heappop(waiting)[2]

    def _weights(self) -> dict[str, float]:
        mix = self._mix
        return {
            **mix.ordinary,
            "train_position": mix.train_positions,
            "train_milestone": mix.train_milestones,
            "link": mix.links * (1 - mix.late_links),
            "late_link": mix.links * mix.late_links,
            "correction": mix.corrections,
            "retraction": mix.retractions,
            "duplicate": mix.duplicates,
            "refused": mix.refused,
        }

    def _planned(self, kind: str, at: int) -> Planned:
        spoil: Spoil = ""
        if kind == "refused":
            stated, spoil = spoilt(self._random, self._ordinary("container", at))
        elif kind in ("correction", "retraction") and self._recent:
            stated = self._pointing(kind == "correction", at)
        else:
            stated = self._stated(kind, at)
        self._number += 1
        identity = f"{self._label}-{self._number:08d}"
        if kind != "refused":
            self.logical += stated.reaches
            if not stated.type.startswith("cre.correction"):
                self._recent.append((identity, stated))
        return Planned(
            stated.party,
            stated.type,
            identity,
            said.publication(at),
            stated.key,
            stated.payload.encode(),
            spoil,
        )

    def _stated(self, kind: str, at: int) -> Said:
        if kind in ("train_position", "train_milestone"):
            return said.of_train(self._random, self._world, at, kind == "train_position")
        if kind in ("link", "late_link"):
            return self._linking.link(at, late=kind == "late_link")
        return self._ordinary(kind if kind in self._mix.ordinary else "container", at)

    def _ordinary(self, kind: str, at: int) -> Said:
        random, linking = self._random, self._linking
        if kind == "container":
            return said.of_box(random, linking.box(at), at)
        if kind == "container_customs":
            return said.of_customs(random, ("container", linking.box(at)), at)
        if kind == "declaration":
            return said.of_customs(random, ("declaration", linking.declaration(at)), at)
        if kind == "note":
            return said.of_note(random, linking.note(at), at)
        return said.of_paper(random, random.randrange(self._world.consignments), at)

    def _pointing(self, replaces: bool, at: int) -> Said:
        """A correction or retraction of something that its party said lately."""
        target, earlier = self._recent[self._random.randrange(len(self._recent))]
        start = f'{{"salt":"{said.salt(self._random)}","target":"{target}"'
        if not replaces:
            payload = f'{start},"reason":"DID_NOT_HAPPEN"}}'
            return Said(earlier.party, "cre.correction.retracted.v1", earlier.key, payload, earlier.reaches)
        right = said.clock(earlier.party, at - self._random.randrange(90 * MINUTE))
        data = earlier.payload.replace(earlier.happened, right, 1) if earlier.happened else earlier.payload
        payload = f'{start},"reason":"WRONG_TIME","replacement":{{"type":"{earlier.type}","data":{data}}}}}'
        return Said(earlier.party, "cre.correction.corrected.v1", earlier.key, payload, earlier.reaches)


def base(world: w.World) -> Iterator[Planned]:
    """What stands before the measured events begin: foundings, declarations, loaded wagons, composed trains."""
    random = Random("base")
    time = said.publication(w.STARTS - 24 * 60 * MINUTE)
    for number, (party, type_, key, body) in enumerate(world.openings()):
        payload = f'{{"salt":"{said.salt(random)}",{body}}}'
        yield Planned(party, type_, f"base-{number:08d}", time, key, payload.encode())
