"""What a person sees of a run: the file, the place, why and what to do, and nothing of what went well."""

from __future__ import annotations

import pytest

from schemas.reasons import Reason, Refusal
from services.cli import publish
from services.producers.formats.model import Position, Remark
from services.producers.outcomes import FileOutcome, PublishOutcome, RecordOutcome, RecordStatus, plain_run

GOOD = RecordOutcome(Position(row=3), RecordStatus.PUBLISHED, "a", "t")
BAD = RecordOutcome(
    Position("Sheet", 4, "B"),
    RecordStatus.REFUSED,
    "b",
    refusal=Refusal(Reason.INVALID_TIME, "No \x1b[31mtime [x].", "/happened", "Give one."),
)
MARKED = RecordOutcome(
    Position(row=5), RecordStatus.WAITING, "c", remarks=(Remark(Position(row=5, column="C"), "Two seals."),)
)
LIST = FileOutcome("list[1].csv", "gate_list", records=[GOOD, BAD, MARKED])
LETTER = FileOutcome("letter", refusal=Refusal(Reason.UNKNOWN_FORMAT, "Not known.", "", "Use --format."))


def shown(capsys: pytest.CaptureFixture[str], every: bool) -> list[list[str]]:
    publish.show(PublishOutcome([LIST, LETTER], 1, 7), every)
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_what_needs_a_person_comes_with_place_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, every=False)
    assert ["list[1].csv"] in lines
    assert [
        "Sheet!B4",
        "INVALID_TIME",
        "b",
        "No",
        "\\x1b[31mtime",
        "[x].",
        "(/happened)",
        "Give",
        "one.",
    ] in lines
    assert ["C5", "remark", "c", "Two", "seals."] in lines
    assert ["letter:", "Not", "known."] in lines
    assert ["to", "do:", "Use", "--format."] in lines
    assert ["3", "published", "a"] not in lines
    assert ["3", "published", "a"] in shown(capsys, every=True)


def test_a_long_list_of_trouble_is_cut_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    publish.show(PublishOutcome([FileOutcome("f", "native", records=[BAD] * 150)]), every=False)
    assert "... and 50 more: --every or --json shows all" in capsys.readouterr().out


def test_the_same_as_json() -> None:
    plain = plain_run(PublishOutcome([LIST, LETTER], 1, 7))
    assert (plain["acknowledged"], plain["waiting"], plain["published"], plain["refused"]) == (1, 7, 1, 2)
    first, second = plain["refusals"]
    assert (first["sheet"], first["row"], first["column"], first["remedy"]) == ("Sheet", 4, "B", "Give one.")
    assert (second["path"], second["reason"]) == ("letter", "UNKNOWN_FORMAT")
    assert [each["outcome"] for each in plain["files"][0]["records"]] == ["published", "refused", "waiting"]
