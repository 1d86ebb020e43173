"""A list that comes out again: with --amend, what its earlier editions said is taken back, and what is gone is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import event_id, read_headers
from schemas.events.base import Role
from schemas.events.decode import decode_payload
from schemas.reasons import Reason
from services.domain.facts import Facts, LinkKind
from services.domain.interpretation import Attribution, interpret
from services.domain.liveness import judge
from services.domain.publisher import Publisher
from services.producers.formats.model import Settings
from services.producers.intake import Intake
from services.producers.outcomes import FileOutcome, RecordStatus
from services.producers.spool import Message, Spool
from tests.support.producers.partner import partner
from tests.unit.formats_sheets.workbooks import BEIJING, Rows, text

FULL = Settings("ktz", BEIJING, "cr", choices={"departure_list": {"edition": "full"}})
OPERATOR = Publisher("ktz", frozenset({Role.OPERATOR, Role.RAILWAY}))


def listed(made: str, *rows: tuple[str, str], leaves: str = "2026-03-01 08:30") -> bytes:
    whole: Rows = (
        ("中欧班列（X8999次）发车清单", None),
        ("发站：西安国际港", f"发车时间：{leaves}"),
        ("车号", "箱号"),
        *rows,
        (f"制表时间：{made}",),
    )
    return text(whole)


A, B, C = ("5480117", "QZXU4011130"), ("5480118", "QZXU4012501"), ("5480119", "XJQU7300214")
FIRST = listed("2026-03-01 09:05", A, B)
SECOND = listed("2026-03-01 11:00", A, C)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool") as opened:
        yield opened


def take(spool: Spool, *contents: bytes, settings: Settings = FULL, **how: Any) -> list[FileOutcome]:
    intake = Intake(partner(files=settings), spool, **how)
    files = [intake.content(f"file-{n}", content) for n, content in enumerate(contents, start=1)]
    intake.close()
    return files


def back(files: list[FileOutcome]) -> list[str]:
    return [r.note for file in files for r in file.records if r.type == "cre.correction.retracted.v1"]


def aboard(spool: Spool) -> set[tuple[str, str]]:
    """Which box stands on which wagon, by all that was published and not taken back."""
    facts = Facts.union(_facts(message) for _, message in spool.waiting(0, 10_000))
    live = judge(facts.withdrawals, facts.equivocated).live
    return {
        (link.left.key, link.right.key)
        for link in facts.links
        if link.kind is LinkKind.WAGON_CARRIES and live(link.event)
    }


def _facts(message: Message) -> Facts:
    envelope, _ = read_headers([(name, value) for name, value in message.headers])
    identity = event_id(envelope.source, envelope.id)
    statement = Attribution(identity, envelope.source, OPERATOR, envelope.published_micros)
    return interpret(statement, message.digest, decode_payload(envelope.type, message.value))


def test_a_box_that_is_gone_from_a_later_edition_is_off_its_wagon(spool: Spool) -> None:
    take(spool, FIRST)
    assert aboard(spool) == {("CN/5480117", "QZXU4011130"), ("CN/5480118", "QZXU4012501")}
    files = take(spool, SECOND, amend=True)
    assert aboard(spool) == {("CN/5480117", "QZXU4011130"), ("CN/5480119", "XJQU7300214")}
    assert len(back(files)) == 4, "two wagons, the train and its departure"
    assert not any(file.refused for file in files)


def test_taking_it_in_again_says_nothing_new(spool: Spool) -> None:
    take(spool, FIRST)
    take(spool, SECOND, amend=True)
    before = spool.waiting(0, 1_000)
    (again,) = take(spool, SECOND, amend=True)
    assert {record.status for record in again.records if record.status is not RecordStatus.PASSED_OVER} == {
        RecordStatus.ALREADY
    }
    assert spool.waiting(0, 1_000) == before


def test_an_edition_that_went_out_without_amend_is_caught_up_later(spool: Spool) -> None:
    take(spool, FIRST)
    (file,) = take(spool, SECOND)
    assert not back([file])
    assert ("CN/5480118", "QZXU4012501") in aboard(spool)
    assert any("--amend" in remark.remedy and "4 events" in remark.text for remark in file.remarks)
    assert len(back(take(spool, SECOND, amend=True))) == 4
    assert ("CN/5480118", "QZXU4012501") not in aboard(spool)


def test_a_third_edition_takes_back_the_second_and_not_the_first_again(spool: Spool) -> None:
    take(spool, FIRST)
    take(spool, SECOND, amend=True)
    third = take(spool, listed("2026-03-01 12:00", A, B), amend=True)
    assert len(back(third)) == 4
    assert aboard(spool) == {("CN/5480117", "QZXU4011130"), ("CN/5480118", "QZXU4012501")}


def test_an_edition_with_a_row_that_cannot_be_read_takes_nothing_back(spool: Spool) -> None:
    take(spool, FIRST)
    (file,) = take(spool, listed("2026-03-01 11:00", A, ("??", "QZXU4012501")), amend=True)
    assert file.refused
    assert not back([file])
    assert ("CN/5480118", "QZXU4012501") in aboard(spool), "it may stand in the row that could not be read"
    assert any("could not be read" in remark.text for remark in file.remarks)


def test_an_earlier_edition_that_comes_late_is_refused(spool: Spool) -> None:
    take(spool, SECOND)
    (file,) = take(spool, FIRST, amend=True)
    reasons = {record.refusal.reason for record in file.records if record.refusal is not None}
    assert reasons == {Reason.INVALID_TIME}
    assert aboard(spool) == {("CN/5480117", "QZXU4011130"), ("CN/5480119", "XJQU7300214")}
    (known,) = take(spool, SECOND)
    assert not known.refused


def test_lists_of_other_trains_and_lists_that_are_not_declared_full_stay(spool: Spool) -> None:
    plain = Settings("ktz", BEIJING, "cr")
    take(spool, FIRST, settings=plain)
    assert not back(take(spool, SECOND, settings=plain, amend=True))
    take(spool, listed("2026-03-02 09:05", B, leaves="2026-03-02 08:30"))
    assert not back(take(spool, listed("2026-03-03 09:05", C, leaves="2026-03-03 08:30"), amend=True))


def test_a_corrected_record_is_taken_back_with_its_correction(spool: Spool) -> None:
    take(spool, FIRST)
    mended = listed("2026-03-01 09:05", A, ("5480118", "QVYU2055178"))
    (file,) = take(spool, mended, amend=True)
    assert RecordStatus.CORRECTED in file.counts
    assert ("CN/5480118", "QVYU2055178") in aboard(spool)
    assert len(back(take(spool, SECOND, amend=True))) == 5
    assert aboard(spool) == {("CN/5480117", "QZXU4011130"), ("CN/5480119", "XJQU7300214")}


def test_both_editions_in_one_run_of_all_or_nothing(spool: Spool) -> None:
    files = take(spool, FIRST, SECOND, amend=True, whole=True)
    assert len(back(files)) == 4
    assert aboard(spool) == {("CN/5480117", "QZXU4011130"), ("CN/5480119", "XJQU7300214")}
    assert not back(take(spool, FIRST, SECOND, amend=True, whole=True))


def test_nothing_is_taken_back_when_the_run_is_withheld(spool: Spool) -> None:
    take(spool, FIRST)
    bad = listed("2026-03-01 11:00", A, ("??", "QZXU4012501"))
    take(spool, SECOND, bad, amend=True, whole=True)
    assert aboard(spool) == {("CN/5480117", "QZXU4011130"), ("CN/5480118", "QZXU4012501")}
