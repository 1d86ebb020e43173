"""The trains of a world as their railways' offices know them: which wagons, which boxes on each, whence and when they left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.testbed.simulator.corridors import Kept
from services.testbed.simulator.service import Service
from services.testbed.simulator.world import Bond


@dataclass(frozen=True, slots=True)
class Composed:
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


def composed(kept: Kept) -> Mapping[str, Composed]:
    """Every train by its key that has left with all the wagons it was made up of, and lost none on its way."""
    loads: dict[str, list[Bond]] = defaultdict(list)
    trains: dict[str, list[Bond]] = defaultdict(list)
    for bond in kept.world.bonds:
        if bond.what == "link.wagon_loaded":
            loads[bond.versions[0][2]["wagon"]].append(bond)
        elif bond.what == "link.train_composed":
            trains[bond.versions[0][2]["train"]].append(bond)
    left: dict[tuple[str, str], int] = {}
    for happening in kept.world.happenings:
        if happening.what == "movement.departed" and happening.about[0][0] == "train":
            left.setdefault((happening.about[0][1], happening.place), happening.at)
    services = {stretch.train: stretch.service for stretch in kept.tracks.stretches()}
    found = {}
    for key, bonds in trains.items():
        since, _, says = bonds[0].versions[0]
        whole = len(bonds) == 1 and all(len(v[2]["wagons"]) == len(says["wagons"]) for v in bonds[0].versions)
        if not whole or (key, says["place"]) not in left or key not in services:
            continue
        standing = [(wagon, _load(loads[wagon], since)) for wagon in says["wagons"]]
        if all(bond is not None for _, bond in standing):
            found[key] = Composed(
                key, bonds[0].teller, services[key], says["place"].removeprefix("railnet:"), since,
                left[key, says["place"]],
                [(wagon, tuple(bond.versions[0][2]["containers"])) for wagon, bond in standing if bond],
                frozenset((bond.versions[0][0], bond.teller) for _, bond in standing if bond),
            )  # fmt: skip
    return found


def _load(loads: Sequence[Bond], at: int) -> Bond | None:
    """The latest load of a wagon before ``at``."""
    return max((b for b in loads if b.versions[0][0] <= at), key=lambda b: b.versions[0][0], default=None)
