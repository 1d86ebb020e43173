"""A file is what its content says; where that is not certain, a person is asked by name."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from schemas.reasons import Reason, Refusal
from services.producers import file_reader
from services.producers.formats import catalogue
from services.producers.formats.catalogue import FORMATS, recognise, understand
from services.producers.formats.native_lines import NATIVE
from tests.support.producers.gate_list import GATE_LIST, gate_list
from tests.support.producers.partner import departed, lines, on_clock, partner

BOTH = (NATIVE, GATE_LIST)
LIST = gate_list(7, "CSQU3054383;2025-09-12T08:00;esr:708403")


def refused(content: bytes, **more: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        understand(content, on_clock(), formats=BOTH, **more)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(
    "content",
    [
        lines(departed("a")),
        b"\xef\xbb\xbf" + lines(departed("a")),
        b"\n\n{broken\n" + lines(departed("a")),
        lines(departed("a"))[:-1],
    ],
)
def test_native_lines_are_recognised_also_behind_a_broken_one(content: bytes) -> None:
    assert recognise(content, FORMATS) is NATIVE


@pytest.mark.parametrize(
    "content", [b'{"eventID": "x"}\n', b"[1]", b"<a/>", b"box;place\n", b"PK\x03\x04", b"{\n}\n", b'"cre."\n']
)
def test_other_json_and_text_is_not_taken_for_native(content: bytes) -> None:
    assert NATIVE.recognise(content) == 0


def test_each_file_finds_its_format() -> None:
    assert recognise(lines(departed("a")), BOTH) is NATIVE
    assert recognise(LIST, BOTH) is GATE_LIST


def test_a_file_that_none_knows_is_refused_with_all_names() -> None:
    why = refused(b"some letter\n")
    assert why.reason is Reason.UNKNOWN_FORMAT
    assert "--format: native, gate_list" in why.remedy


def test_two_that_are_equally_sure_are_both_named() -> None:
    other = replace(GATE_LIST, name="other_list")
    with pytest.raises(Refusal) as caught:
        recognise(LIST, (*BOTH, other))
    assert "--format gate_list or --format other_list" in caught.value.remedy
    assert "native" not in caught.value.remedy
    assert recognise(LIST, (replace(other, recognise=lambda _: 81), *BOTH)).name == "other_list"


def test_a_name_decides_and_a_wrong_name_is_answered_with_the_nearest() -> None:
    assert understand(LIST, on_clock(), "gate_list", BOTH)[0] is GATE_LIST
    assert "gate_list" in refused(LIST, name="gatelist").remedy
    assert "native, gate_list" in refused(LIST, name="x").remedy


def test_empty_and_oversized_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(b" \n").reason is Reason.UNREADABLE_FILE
    monkeypatch.setattr(catalogue, "MAX_FILE_BYTES", 10)
    assert refused(LIST).reason is Reason.TOO_LARGE


def test_only_native_records_need_no_declared_clock() -> None:
    assert understand(lines(departed("a")), None, formats=BOTH)[0] is NATIVE
    with pytest.raises(Refusal, match="clock"):
        understand(LIST, None, formats=BOTH)


SAMPLES = {
    "01_booking_list_zh.xlsx": "booking_list",
    "02_departure_list_zh.xlsx": "departure_list",
    "03_naturny_list_du1_cp1251.csv": "natural_list",
    "04_border_handover_zh_ru.xlsx": "border_handover",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_list_is_recognised_and_read_again_word_for_word(name: str) -> None:
    content = (Path(__file__).parents[2] / "data" / "sheets" / name).read_bytes()
    who = partner(files=replace(on_clock("Asia/Shanghai"), company="cr"))
    once, again = (file_reader.read(content, who) for _ in range(2))
    assert once.format.name == SAMPLES[name]
    first = [(record.where, record.event, record.passed_over) for record in once.records]
    assert [(record.where, record.event, record.passed_over) for record in again.records] == first
    ids = [event.envelope.id for _, event, _ in first if event is not None]
    assert ids
    assert len(set(ids)) == len(ids)


def test_no_public_example_is_claimed_by_two_formats_alike() -> None:
    data = Path(__file__).parents[4] / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the public examples are not beside this checkout")
    found: Counter[str] = Counter()
    for kind in (
        "taf-tsi",
        "taf-tsi-sector",
        "ncts",
        "ncts-journey",
        "dcsa",
        "rail-samples",
        "efti",
        "gs1-epcis",
    ):
        files = (
            path
            for path in sorted((data / kind).rglob("*"))
            if path.suffix in (".xml", ".json", ".csv", ".xlsx")
        )
        for path in islice((path for path in files if path.stat().st_size < 200_000), 60):
            scores = sorted(each.recognise(path.read_bytes()) for each in FORMATS)
            assert scores[-1] == 0 or scores[-1] > scores[-2], path
            if scores[-1]:
                found[recognise(path.read_bytes()).name] += 1
    assert {"ncts", "dcsa", "taf"} <= found.keys()
    assert not found["native"]


def test_every_format_has_a_name_of_its_own_and_fears_no_bytes() -> None:
    names = [each.name for each in FORMATS]
    assert len(set(names)) == len(names)
    for content in (b"", b"\x00" * 99, b"\xff\xfe\xfd", b"PK\x03\x04" + b"\x00" * 50, b"<" * 99, b"{" * 99):
        for each in FORMATS:
            assert 0 <= each.recognise(content) <= 100
