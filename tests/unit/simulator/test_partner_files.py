"""Files of simulated parties in their own formats are read back by the readers of those formats, to what was told."""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest

from services.producers.formats import declared
from services.producers.formats.catalogue import understand
from services.producers.formats.model import Said
from services.producers.formats.sheets import FORMATS as SHEETS
from services.producers.formats.taf import FORMATS as TAF
from services.simulator import files
from services.simulator.corridors import SimulatedWorld, simulate
from services.simulator.files.folder import DECLARED
from services.simulator.telling import moment

ORIGINS = ("xian-intl-port", "zhengzhou", "suzhou", "hohhot")


@cache
def tiny() -> SimulatedWorld:
    return simulate("tiny", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("files")
    files.write(tiny().kept, where)
    return where


def read(folder: Path, kind: str) -> list[tuple[str, list[Said]]]:
    """What each file of ``kind`` says, with its party; every record of every file says something."""
    found = []
    for path in sorted(folder.glob(f"*/{kind}-*")):
        party = path.parent.name
        table = tomllib.loads((path.parent / DECLARED).read_text(encoding="utf-8"))
        settings = declared.read(table["files"], party)
        _, reading = understand(path.read_bytes(), settings, formats=(*SHEETS, *TAF))
        records = list(reading.records)
        assert all(isinstance(record, Said) for record in records), (path, records)
        found.append((party, [record for record in records if isinstance(record, Said)]))
    return found


def test_the_same_world_gives_the_same_files(folder: Path, tmp_path: Path) -> None:
    files.write(simulate("tiny", 2).kept, tmp_path)
    one, other = (
        {path.relative_to(where): path.read_bytes() for where in (root,) for path in where.rglob("*.*")}
        for root in (folder, tmp_path)
    )
    assert one == other
    assert {path.suffix for path in one} == {".xlsx", ".xml", ".toml"}


def test_hand_over_lists_say_what_each_side_signed(folder: Path) -> None:
    told = Counter(
        (party, said.data["occurrence"], said.data["side"], tuple(o["id"] for o in said.data["objects"]))
        for party, records in read(folder, "border_handover")
        for said in records
    )
    signed = Counter(
        (
            heard.party,
            heard.happening.occurrence,
            heard.happening.voices[heard.party]["side"],
            tuple(key for _, key in heard.happening.about),
        )
        for heard in tiny().kept.telling.heard
        if heard.happening.what == "movement.handed_over"
        and heard.happening.place != "crossing:rzepin-frankfurt"
    )
    assert told == signed
    assert {party for party, *_ in told} >= {"cr", "ktz", "rzd", "bch", "pkp", "ubtz"}
    times = {
        (party, said.data["occurrence"]): said.data["happened"]
        for party, records in read(folder, "border_handover")
        for said in records
    }
    for heard in tiny().kept.telling.heard:
        key = heard.party, heard.happening.occurrence
        if heard.happening.what == "movement.handed_over" and key in times:
            assert moment(heard.said) == datetime.fromisoformat(times[key])


def test_departure_lists_have_every_container_of_the_train_on_its_wagon(folder: Path) -> None:
    lists = read(folder, "departure_list")
    loaded = {
        key
        for h in tiny().kept.world.happenings
        if h.what == "movement.departed" and h.about[0][1].startswith("cr/") and h.place.endswith(ORIGINS)
        for key in h.boxes
    }
    on_wagons = [
        box
        for _, records in lists
        for said in records
        if said.type == "cre.link.wagon_loaded.v1"
        for box in said.data["containers"]
    ]
    assert loaded
    assert loaded <= set(on_wagons)
    assert {said.type for _, records in lists for said in records} == {
        "cre.link.wagon_loaded.v1",
        "cre.link.train_composed.v1",
        "cre.movement.departed.v1",
    }


def test_european_trains_speak_taf(folder: Path) -> None:
    running = [said for _, records in read(folder, "taf_running") for said in records]
    composed = [said for _, records in read(folder, "taf_composition") for said in records]
    assert {said.type for said in running} >= {"cre.movement.departed.v1", "cre.movement.arrived.v1"}
    trains = {said.data["objects"][0]["id"] for said in running}
    assert trains & {said.data["train"] for said in composed if "train" in said.data}
    boxes = {box for said in composed for box in said.data.get("containers", ())}
    assert boxes <= {lading.box for lading in tiny().kept.world.ladings}
    assert boxes
