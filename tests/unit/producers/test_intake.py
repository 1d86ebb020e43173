"""From files to the spool: good records go in, bad ones are told with their place, a changed one becomes a correction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.events.correction import Corrected
from schemas.events.decode import decode_payload
from schemas.reasons import Reason
from services.cli import publish
from services.cli.main import app
from services.producers import unsigned_event
from services.producers.corrections import derived_id
from services.producers.formats.native_lines import NATIVE
from services.producers.intake import Intake
from services.producers.outcomes import FileOutcome, PublishOutcome, RecordStatus, plain_run, settle
from services.producers.spool import Message, Spool
from tests.support.producers.gate_list import GATE_LIST, gate_list
from tests.support.producers.partner import departed, lines, on_clock, partner

WHO = partner(files=on_clock())
FORMATS = (NATIVE, GATE_LIST)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool") as opened:
        yield opened


def take(spool: Spool, *contents: bytes, **how: Any) -> list[FileOutcome]:
    intake = Intake(WHO, spool, formats=FORMATS, **how)
    files = [intake.content(f"file-{n}", content) for n, content in enumerate(contents, start=1)]
    intake.close()
    return files


def fates(spool: Spool, *contents: bytes, **how: Any) -> list[str]:
    return [record.status.value for file in take(spool, *contents, **how) for record in file.records]


def waiting(spool: Spool) -> list[Message]:
    return [message for _, message in spool.waiting(0, 1_000)]


def ids(spool: Spool) -> list[str]:
    return [dict(message.headers)["ce_id"].decode() for message in waiting(spool)]


def test_good_records_go_in_and_bad_ones_are_told_with_row_column_and_remedy(spool: Spool) -> None:
    content = gate_list(
        7,
        "CSQU3054383;2025-09-12T08:00;esr:708403",
        "MSKU0000006;;esr:708403",
        "LYSU1000022;2025-09-12T08:05;nowhere",
        "total;3;",
    )
    (file,) = take(spool, content)
    assert (file.format, file.refused) == ("gate_list", True)
    assert [record.status for record in file.records] == [
        RecordStatus.SPOOLED,
        RecordStatus.REFUSED,
        RecordStatus.REFUSED,
        RecordStatus.PASSED_OVER,
    ]
    assert ids(spool) == ["gate-7-CSQU3054383"]
    refusals = plain_run(PublishOutcome([file]))["refusals"]
    assert [(row["row"], row["column"], row["reason"], row["pointer"]) for row in refusals] == [
        (4, "B", "INVALID_TIME", "/happened"),
        (5, "", "INVALID_SCHEMA", "/place"),
    ]
    assert all(row["remedy"] for row in refusals)


def test_what_is_doubtful_about_an_event_is_said_and_a_union_is_refused(
    spool: Spool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    boxes = [{"kind": "container", "id": "CSQU3054384"}]
    doubtful = departed("a", "2025-09-14T07:55:00+05:00", objects=boxes, place="esr:100001")
    union = {**departed("b", jurisdiction="EU", procedure="T1"), "type": "cre.customs.transit_opened.v1"}
    file = Intake(partner(), spool).content("list.jsonl", lines(doubtful, union))
    first, second = file.records
    assert [(each.code, each.pointer, each.found) for each in first.remarks] == [
        ("time.future", "/happened", "2025-09-14T07:55:00+05:00, published 2025-09-12T03:00:00Z"),
        ("place.unknown", "/place", "esr:100001"),
        ("iso6346.check_digit", "/objects/0/id", "CSQU3054384"),
    ]
    assert second.refusal is not None
    assert (second.refusal.pointer, "member state" in second.refusal.remedy) == ("/jurisdiction", True)
    run = PublishOutcome([file])
    plain = plain_run(run)
    assert (plain["remarks"], plain["refused"]) == (3, 1)
    assert [each["code"] for each in plain["files"][0]["records"][0]["remarks"]] == [
        each.code for each in first.remarks
    ]
    publish.show(run, every=False)
    shown = capsys.readouterr().out
    assert all(each.code in shown for each in first.remarks)
    assert publish.line(file) == "native: 1 refused, 1 spooled; 3 remarks"
    path = tmp_path / "list.jsonl"
    path.write_bytes(lines(doubtful, union))
    for command in (["events", "validate", str(path), "--json"], ["convert", str(path), "--json"]):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 1
        assert [code in done.output for code in ("time.future", "place.unknown", "/jurisdiction")] == [
            True
        ] * 3


def test_the_declared_clock_counts(spool: Spool) -> None:
    take(spool, gate_list(7, "CSQU3054383;2025-09-12T08:00;esr:708403"))
    (message,) = waiting(spool)
    assert json.loads(message.value)["happened"] == "2025-09-12T08:00:00+05:00"
    assert dict(message.headers)["ce_time"] == b"2025-09-12T18:00:00+05:00"


def test_a_file_read_again_says_nothing_new(spool: Spool) -> None:
    content = lines(departed("a"), departed("b"), departed("a"))
    assert fates(spool, content) == ["spooled", "spooled", "already"]
    before = waiting(spool)
    assert fates(spool, content) == ["already"] * 3
    assert waiting(spool) == before


def test_an_id_used_for_two_things_in_one_run_is_refused_where_it_comes_again(spool: Spool) -> None:
    mixed = lines(departed("a"), departed("b"), departed("a", place="esr:700007"))
    for how in ({}, {"amend": True}):
        (file,) = take(spool, mixed, **how)
        refusal = file.records[2].refusal
        assert refusal is not None
        assert refusal.reason is Reason.ID_USED_TWICE
        assert "the one at 1" in refusal.detail
    assert ids(spool) == ["a", "b"]


def test_the_spool_tells_what_the_broker_has(spool: Spool) -> None:
    content = lines(departed("a"), departed("b"))
    files = take(spool, content)
    spool.acknowledge([(1, 0, 5)])
    settle(files, spool)
    assert [record.status for record in files[0].records] == [RecordStatus.PUBLISHED, RecordStatus.WAITING]
    again = take(spool, content)
    settle(again, spool)
    assert [record.status for record in again[0].records] == [RecordStatus.ALREADY, RecordStatus.WAITING]


def test_all_or_nothing_takes_all_or_nothing(spool: Spool) -> None:
    bad = departed("c")
    del bad["data"]["place"]
    many = lines(*(departed(f"m{n}") for n in range(300)))
    assert set(fates(spool, many, lines(bad), whole=True)) == {"withheld", "refused"}
    assert fates(spool, many, b"what is this", whole=True) == ["withheld"] * 300
    assert ids(spool) == []
    assert set(fates(spool, many, lines(departed("d")), whole=True)) == {"spooled"}
    assert len(ids(spool)) == 301


def test_a_changed_record_is_refused_until_it_is_meant(spool: Spool) -> None:
    take(spool, lines(departed("a")))
    changed = lines(departed("a", at="2025-09-12T09:55:00+05:00"))
    (file,) = take(spool, changed)
    refusal = file.records[0].refusal
    assert refusal is not None
    assert (refusal.reason, "--amend" in refusal.remedy) == (Reason.ID_USED_TWICE, True)
    assert fates(spool, changed, amend=True) == ["corrected"]
    _, message = waiting(spool)
    headers = dict(message.headers)
    payload = decode_payload(headers["ce_type"].decode(), message.value)
    assert isinstance(payload, Corrected)
    assert (payload.target, payload.reason) == ("a", "WRONG_TIME")
    assert payload.replacement.data["happened"] == "2025-09-12T09:55:00+05:00"
    assert headers["ce_id"].decode() == derived_id(unsigned_event.build(changed.strip(), WHO))
    assert message.key == b"CSQU3054383"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"place": "esr:700007"}, "WRONG_PLACE"),
        ({"objects": [{"kind": "container", "id": "MSKU0000006"}]}, "WRONG_OBJECT"),
        ({"classifier": "EST"}, "WRONG_CLASSIFIER"),
        ({"remark": "late"}, "INCOMPLETE"),
        ({"place": "esr:700007", "classifier": "EST"}, "OTHER"),
    ],
)
def test_a_correction_says_what_was_wrong(spool: Spool, changes: dict[str, Any], reason: str) -> None:
    take(spool, lines(departed("a")))
    take(spool, lines(departed("a", **changes)), amend=True)
    assert json.loads(waiting(spool)[1].value)["reason"] == reason


def test_mending_again_mends_the_correction_and_every_file_can_be_read_again(spool: Spool) -> None:
    versions = [lines(departed("a", at=f"2025-09-12T0{hour}:55:00+05:00")) for hour in (6, 7, 8)]
    assert fates(spool, versions[0]) == ["spooled"]
    assert [fates(spool, version, amend=True) for version in versions[1:]] == [["corrected"], ["corrected"]]
    first, second, third = waiting(spool)
    assert json.loads(second.value)["target"] == "a"
    assert json.loads(third.value)["target"] == dict(second.headers)["ce_id"].decode()
    assert first.identity != second.identity != third.identity
    for how in ({}, {"amend": True}):
        for version in (*versions, *reversed(versions)):
            assert fates(spool, version, **how) == ["already"]
    (file,) = take(spool, versions[0])
    assert file.records[0].note == f"corrected since by {dict(third.headers)['ce_id'].decode()}"
    assert len(waiting(spool)) == 3


def test_a_retraction_in_native_form_is_not_replaced_by_another_record(spool: Spool) -> None:
    def back(target: str) -> bytes:
        record = departed("r")
        return lines(
            {**record, "type": "cre.correction.retracted.v1", "data": {"target": target, "reason": "OTHER"}}
        )

    take(spool, back("a"))
    (file,) = take(spool, back("b"), amend=True)
    refusal = file.records[0].refusal
    assert refusal is not None
    assert refusal.pointer == "/replacement/type"
    assert len(waiting(spool)) == 1


def test_a_correction_of_a_long_id_fits(spool: Spool) -> None:
    name = "车" * 85
    take(spool, lines(departed(name, occurrence="")))
    assert fates(spool, lines(departed(name, occurrence="2")), amend=True) == ["corrected"]


def test_a_file_that_cannot_be_opened_is_an_outcome(spool: Spool, tmp_path: Path) -> None:
    outcome = Intake(WHO, spool).path(tmp_path / "gone")
    assert outcome.refused
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.UNREADABLE_FILE
