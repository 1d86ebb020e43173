"""Header words: all spellings of the reference are known, whatever their width, case, blanks or look-alike letters."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from services.producers.formats.sheets import labels

REFERENCE = Path(__file__).parents[4] / "shared" / "reference" / "formats" / "headers.csv"


def test_every_synonym_of_the_reference_is_recognised() -> None:
    if not REFERENCE.is_file():
        pytest.skip("../shared/reference/formats/headers.csv is not here")
    with REFERENCE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 1_000
    missed = [row for row in rows if row["canonical"] not in labels.look_up(row["variant"]).meanings]
    assert not missed, missed[:5]
    certainties = {
        (row["canonical"], row["variant"])
        for row in rows
        if row["certainty"] == "read"
        and not any(
            e.meaning == row["canonical"] and e.certainty == "read"
            for e in labels.look_up(row["variant"]).entries
        )
    }
    assert not certainties, "what was read in a source stays marked as read"


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("箱  号", "container.id"),
        ("车 号", "wagon.id"),
        ("Ｃｏｎｔａｉｎｅｒ　Ｎｏ．", "container.id"),
        ("НОМЕР ВАГОНA", "wagon.id"),  # a Latin A at the end
        ("Cтанция отправления", "place.origin"),  # a Latin C at the beginning
        ("номер\nвагона", "wagon.id"),
        ("集装箱号\nContainer No.", "container.id"),
        ("发站 Станция отправления", "place.origin"),
        ("封号 (19)", "seal.number"),
        ("国际联运\n运单号", "consignmentNoteNumber"),
    ],
)
def test_width_case_blanks_and_alike_letters_make_no_difference(label: str, meaning: str) -> None:
    assert meaning in labels.look_up(label).meanings


@pytest.mark.parametrize(
    ("label", "unit"),
    [
        ("毛重（吨）", "t"),
        ("毛重(公斤)", "kg"),
        ("总毛重(KGS)", "kg"),
        ("Масса, кг", "kg"),
        ("Тара, т", "t"),
        ("毛重", ""),
    ],
)
def test_the_unit_is_cut_out_of_the_label_and_kept(label: str, unit: str) -> None:
    found = labels.look_up(label)
    assert found.known
    assert found.unit == unit


def test_a_label_with_two_meanings_keeps_both() -> None:
    assert {"place.border", "train.line"} <= labels.look_up("口岸").meanings
    assert not labels.look_up("洗衣机").known
    assert not labels.look_up("").known
