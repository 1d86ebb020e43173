"""Files of simulated parties in their own formats are read back by the readers of those formats, to what they were to say."""

from __future__ import annotations

import ast
import hashlib
import io
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html import unescape
from pathlib import Path

import pytest
from lxml import etree

from schemas.events.catalogue import spec
from services.producers.formats import declarations
from services.producers.formats.catalogue import understand
from services.producers.formats.model import EventDraft
from services.testbed.simulator import files
from services.testbed.simulator.files import PartnerFile
from services.testbed.simulator.files.folder import DECLARED
from services.testbed.simulator.files.office_records import what_of
from tests.unit.simulator.conftest import mismatches, registry_of
from tests.unit.simulator.corridor_worlds import small
from tests.unit.simulator.readers import differences, facts_of, passed_over, world

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
WRITERS = Path(files.__file__).parent
FORMATS = {
    "booking_list", "border_handover", "consist_cn", "dcsa", "departure_list", "eaeu_receipts", "gacc_receipts",
    "loading_list", "natural_list", "ncts", "taf", "train_plan",
}  # fmt: skip


def of(format: str) -> list[PartnerFile]:
    return [file for file in world().files if file.format == format]


def test_the_world_speaks_every_format_of_the_readers() -> None:
    assert {file.format for file in world().files} == FORMATS


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_a_reader_finds_in_each_file_what_it_was_to_say_and_nothing_else(format: str) -> None:
    written = of(format)
    assert len(written) > 2
    assert sum(len(file.facts) for file in written) >= len(written)
    assert [line for file in written for line in differences(file)] == []


def test_a_fact_that_is_missing_too_many_or_told_otherwise_would_be_seen() -> None:
    file = max(of("border_handover"), key=lambda file: len(file.facts))
    first, *rest = file.facts
    later = replace(first, data={**first.data, "happened": "2025-09-01T00:00:00Z"})
    other = replace(first, data={**first.data, "objects": first.data["objects"][1:]})
    assert len(differences(replace(file, facts=(*rest,)))) == 1
    assert len(differences(replace(file, facts=(first, first, *rest)))) == 1
    for changed in (later, other):
        assert len(differences(replace(file, facts=(changed, *rest)))) == 2


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("tiny", 1),
        *(pytest.param(*each, marks=pytest.mark.long) for each in (("tiny", 2), ("polish-closure-2025", 1))),
    ],
)
def test_every_view_is_the_truth_where_files_stand_for_records(name: str, seed: int) -> None:
    simulation = small(name, seed).simulation()
    whole = world(name, seed)
    assert mismatches(simulation, facts_of(whole, seed), whole.aliases) == []


def test_a_record_is_in_one_file_or_goes_out_itself() -> None:
    whole, publication = world(), small("polish-closure-2025").played.publication
    out = {(message.party, message.record["id"]) for message in whole.messages}
    gone = [m for m in publication.messages if (m.party, m.record["id"]) not in out]
    taken = Counter((file.party, fact.what) for file in whole.files for fact in file.facts)
    for key, count in Counter((m.party, what_of(m)) for m in gone).items():
        assert taken[key] >= count, key
    assert 0.1 < len(gone) / len(publication.messages) < 0.25
    targets = {(m.party, m.record["data"].get("target")) for m in publication.messages}
    assert all((m.party, m.record["id"]) not in targets and m.copies == 1 for m in gone)
    assert all(file.sent <= small("polish-closure-2025").ends for file in whole.files)


def test_no_two_files_of_a_party_have_one_name() -> None:
    assert Counter((file.party, file.name) for file in world().files).most_common(1)[0][1] == 1


def test_whoever_hands_over_a_file_may_say_what_is_in_it() -> None:
    for file in world().files:
        party = registry_of(1).party(file.party)
        assert party is not None
        for fact in file.facts:
            assert party.publisher.roles & spec(f"cre.{fact.what}.v1").publishers, (file.name, fact.what)


def test_the_same_world_gives_the_same_bytes() -> None:
    again = files.deliveries(small("tiny", 3).played)
    assert files.deliveries(small.__wrapped__("tiny", 3).played) == again


def test_files_have_the_quirks_of_real_ones() -> None:
    every = world().files
    books = [file for file in every if file.name.endswith(".xlsx")]
    cells = "".join(_text(book) for book in books)
    assert "<mergeCell " in cells
    assert "ＬＹＳＵ" in cells
    assert "合计" in cells
    assert any(
        file.content.decode("gb18030").startswith("海关") for file in of("gacc_receipts") if _csv(file)
    )
    russian = [file.content.decode("cp1251") for file in every if _csv(file) and file.party in ("bch", "rzd")]
    assert any("Итого" in text for text in russian)
    assert any("мск" in text for text in russian)
    assert any(line.startswith("a draft") for file in of("booking_list") for line in passed_over(file))
    assert {file.name.rpartition(".")[2] for file in of("border_handover")} == {"xlsx", "csv"}
    assert {file.name[:4] for file in of("taf")} == {"3003", "4004", "4005"}
    assert {file.name[:6] for file in of("ncts")} >= {
        f"CC{n}C" for n in ("015", "028", "029", "043", "025", "045", "060")
    }


def _csv(file: PartnerFile) -> bool:
    return file.name.endswith(".csv")


def _text(book: PartnerFile) -> str:
    with zipfile.ZipFile(io.BytesIO(book.content)) as package:
        parts = [name for name in package.namelist() if name.startswith("xl/") and name.endswith(".xml")]
        return unescape("".join(package.read(name).decode() for name in parts))


def test_a_declarant_passes_on_the_release_of_customs_whole() -> None:
    released = [file for file in of("ncts") if file.name.startswith("CC029C")]
    assert {file.party for file in released} == {"hansa", "eu-pl", "eu-de"}
    for file in released:
        _, reading = understand(file.content, files.settings(file.party))
        said = [record for record in reading.records if isinstance(record, EventDraft)]
        relays = [each.data["relay"] for each in said if "relay" in each.data]
        assert bool(relays) == (file.party == "hansa"), file.name
        digest = hashlib.sha256(file.content).hexdigest()
        assert all(r["authority"] in ("eu-pl", "eu-de") and r["message_sha256"] == digest for r in relays)


@cache
def schema(path: Path) -> etree.XMLSchema:
    if not path.exists():
        pytest.skip(f"the public schema is not beside the repository: {path.name}")
    return etree.XMLSchema(etree.parse(path))


def _schemas() -> Iterator[tuple[PartnerFile, Path]]:
    for file in of("taf"):
        yield file, SHARED / "taf-tsi/taf_cat_complete.xsd"
    for file in of("ncts"):
        yield file, SHARED / f"ncts/conf/v3_0/xsd/{file.name[:6].lower()}.xsd"


def test_messages_are_valid_against_the_public_schemas() -> None:
    for file, path in _schemas():
        document = etree.fromstring(file.content)
        assert schema(path).validate(document), (file.name, schema(path).error_log)


def test_writers_share_nothing_with_the_readers() -> None:
    for path in WRITERS.glob("*.py"):
        if path.name in (
            "declared.py",
            "folder.py",
        ):  # what a partner declares about its files, not how they are read
            continue
        imported = {
            node.module or ""
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
        }
        assert not [name for name in imported if name.startswith("services.producers")], path.name


def test_a_folder_has_what_the_reader_of_each_party_needs(tmp_path: Path) -> None:
    written = files.write(world("tiny").files, tmp_path)
    assert sum(written.values()) == len(world("tiny").files)
    for file in world("tiny").files:
        assert (tmp_path / file.party / file.name).read_bytes() == file.content
        table = tomllib.loads((tmp_path / file.party / DECLARED).read_text(encoding="utf-8"))
        assert declarations.write(declarations.read(table["files"], file.party)) == declarations.write(
            files.settings(file.party)
        )
