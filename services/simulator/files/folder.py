"""Writes the files of a world's parties into a folder, with what each party has to declare for them to be read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas import railnet
from services.simulator.cast import CAST
from services.simulator.corridors import Kept
from services.simulator.files import taf
from services.simulator.files.departure_list import Loaded, departure_list
from services.simulator.files.handover_list import handover_list
from services.simulator.service import sections
from services.simulator.world import Bond

DECLARED = "files.toml"
EUROPEAN = ("pkp", "db")


@dataclass(slots=True)
class Written:
    """What was written: files by party and kind."""

    folder: Path
    count: Counter[tuple[str, str]] = field(default_factory=Counter)

    def put(self, party: str, kind: str, suffix: str, content: bytes) -> None:
        """Write one more file of ``kind``."""
        self.count[party, kind] += 1
        folder = self.folder / party
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{kind}-{self.count[party, kind]:04d}.{suffix}").write_bytes(content)


def write(kept: Kept, folder: Path) -> Written:
    """Write hand-over lists of both sides, departure lists of China and TAF messages of Europe into ``folder``.

    Each party's folder also gets ``files.toml``: the section of its profile that says on which clock its times are.
    """
    written = Written(folder)
    for heard in kept.telling.heard:
        if heard.happening.what == "movement.handed_over" and _at_a_border(heard.happening.place):
            written.put(heard.party, "border_handover", "xlsx", handover_list(heard))
    ends = _ends(kept)
    for key, loaded in _trains(kept).items():
        company = key.split("/")[0]
        if company == "cr":
            written.put("cr", "departure_list", "xlsx", departure_list(loaded, "cr"))
        if key in ends:
            serial = written.count[company, "taf_composition"] + 1
            content = taf.composition(company, key, loaded.wagons, ends[key], loaded.left, serial)
            written.put(company, "taf_composition", "xml", content)
    _running(kept, written)
    for party in sorted({party for party, _ in written.count}):
        declared = f'[files]\nzone = "{CAST[party].clock}"\ncompany = "{CAST[party].managers[-1]}"\n'
        (folder / party / DECLARED).write_text(declared, encoding="utf-8")
    return written


def _trains(kept: Kept) -> Mapping[str, Loaded]:
    """Every train that left the place where it was composed, with what stood on its wagons then."""
    on_wagon: dict[str, list[Bond]] = defaultdict(list)
    composed: list[Bond] = []
    for bond in kept.world.bonds:
        if bond.what == "link.wagon_loaded":
            on_wagon[bond.versions[0][2]["wagon"]].append(bond)
        elif bond.what == "link.train_composed":
            composed.append(bond)
    left: dict[str, int] = {}
    for happening in kept.world.happenings:
        if happening.what == "movement.departed" and happening.about[0][0] == "train":
            left.setdefault(happening.about[0][1], happening.at)
    found: dict[str, Loaded] = {}
    for bond in composed:
        since, _, says = bond.versions[0]
        if says["train"] in found or says["train"] not in left:
            continue
        wagons = [(wagon, _boxes(on_wagon[wagon], since)) for wagon in says["wagons"]]
        station = says["place"].removeprefix("railnet:")
        found[says["train"]] = Loaded(says["train"], left[says["train"]], station, wagons)
    return found


def _boxes(loads: Sequence[Bond], at: int) -> Sequence[str]:
    """What stood on a wagon at ``at``: its latest load before."""
    before = [bond.versions[0] for bond in loads if bond.versions[0][0] <= at]
    return () if not before else tuple(max(before, key=lambda version: version[0])[2]["containers"])


def _at_a_border(place: str) -> bool:
    """Whether railways sign lists there: between states of one union without another gauge they do not."""
    crossing = railnet.crossings()[place.removeprefix("crossing:")]
    return crossing.customs_border or crossing.gauge_change or crossing.a.gauge == 1520


def _ends(kept: Kept) -> Mapping[str, tuple[railnet.Station, railnet.Station]]:
    """By train: the first and the last station of its section that have a location code, where there are two."""
    found: dict[str, tuple[railnet.Station, railnet.Station]] = {}
    for stretch in kept.tracks.stretches():
        if stretch.train in found or stretch.railway not in EUROPEAN:
            continue
        for section in sections(stretch.service.path):
            coded = [s for s in map(railnet.stations().__getitem__, section.stations) if s.plc]
            if section.railway == stretch.railway and len(coded) > 1:
                found[stretch.train] = coded[0], coded[-1]
    return found


def _running(kept: Kept, written: Written) -> None:
    for heard in kept.telling.heard:
        happening = heard.happening
        own = heard.party in EUROPEAN and happening.about[0][1].startswith(f"{heard.party}/")
        if own and happening.about[0][0] == "train" and taf.told(happening.what):
            station = railnet.resolve(happening.place)
            if station is not None and station.plc:
                serial = written.count[heard.party, "taf_running"] + 1
                train = happening.about[0][1]
                content = taf.running(heard.party, train, happening.what, station, heard.said, serial)
                written.put(heard.party, "taf_running", "xml", content)
