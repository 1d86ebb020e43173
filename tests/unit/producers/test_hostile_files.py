"""Files that are broken, hostile or huge, taken in as `lianyun publish` does: each has an outcome, and nothing of them gets out."""

from __future__ import annotations

import codecs
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest

from schemas.reasons import Reason
from services.producers.formats.model import EventDraft, Settings
from services.producers.intake import Intake
from services.producers.outcomes import RecordStatus
from services.producers.spool import Spool
from services.testbed.simulator import numbers
from tests.support.messages.documents import life, running
from tests.support.producers.partner import departed, lines, partner
from tests.unit.formats_sheets.test_files import repacked
from tests.unit.formats_sheets.workbooks import (
    BEIJING,
    DEPARTURE,
    MOSCOW,
    OPERATOR,
    SAMPLES,
    format_named,
    protected,
    text,
    xls,
    xlsx,
)

SETTINGS = Settings("ktz", BEIJING, "cr")
ENTITIES = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))


def zip_of_zips() -> bytes:
    inner = bytes(10 << 20)
    for _ in range(3):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
            for name in ("a.zip", "b.zip"):
                package.writestr(name, inner)
        inner = out.getvalue()
    return inner


HOSTILE: dict[str, tuple[Callable[[], bytes], Reason]] = {
    "an empty file": (lambda: b"", Reason.UNREADABLE_FILE),
    "a workbook that unpacks to a bomb": (
        lambda: repacked(xlsx(DEPARTURE), {"xl/worksheets/sheet1.xml": b"<x>" + bytes(40 << 20)}),
        Reason.TOO_LARGE,
    ),
    "an archive of archives": (zip_of_zips, Reason.UNREADABLE_FILE),
    "a workbook with a password": (protected, Reason.UNREADABLE_FILE),
    "a workbook cut off": (lambda: xlsx(DEPARTURE)[:3_000], Reason.UNREADABLE_FILE),
    "an old workbook cut off": (lambda: xls(DEPARTURE)[:1_200], Reason.UNREADABLE_FILE),
    "entities that multiply": (
        lambda: (
            f'<!DOCTYPE m [<!ENTITY a0 "ha">{ENTITIES}]><TrainRunningInformationMessage>&a9;</TrainRunningInformationMessage>'.encode()
        ),
        Reason.UNREADABLE_FILE,
    ),
    "an entity of another file": (
        lambda: b'<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/hostname">]><CC029C>&x;</CC029C>',
        Reason.UNREADABLE_FILE,
    ),
    "a message cut off": (lambda: running()[:-40], Reason.UNREADABLE_FILE),
    "a message in another encoding than it says": (
        lambda: life()["029"].replace(b"<Commodity>", "<Commodity>Товар".encode("cp1251"), 1),
        Reason.UNREADABLE_FILE,
    ),
    "a list that breaks off": (lambda: text(DEPARTURE) + b'1,"X70,', Reason.UNREADABLE_FILE),
    "bytes of nothing": (lambda: bytes(range(256)) * 40, Reason.UNREADABLE_FILE),
    "a letter": (lambda: b"Dear Sirs,\nplease find attached\n", Reason.UNKNOWN_FORMAT),
    "JSON with a key twice": (
        lambda: b'[{"eventID": "1", "eventID": "2", "eventType": "EQUIPMENT"}]',
        Reason.UNKNOWN_FORMAT,
    ),
    "half a native line": (
        lambda: lines(departed("a"), departed("b"))[:-30],
        Reason.UNREADABLE_FILE,
    ),
}


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool") as opened:
        yield opened


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_as_a_whole_with_what_to_do_and_nothing_gets_out(spool: Spool, name: str) -> None:
    made, reason = HOSTILE[name]
    intake = Intake(partner(files=SETTINGS), spool)
    (file,) = [intake.content(name, made())]
    intake.close()
    assert file.refusal is not None
    assert (file.refusal.reason, file.records) == (reason, [])
    assert file.refusal.detail
    assert file.refusal.remedy, "the sender is told what to do"
    assert file.refused
    assert spool.counts() == (0, 0)


def test_among_hostile_files_the_good_one_goes_out_and_every_file_has_its_outcome(spool: Spool) -> None:
    intake = Intake(partner(files=SETTINGS), spool)
    good = xlsx(DEPARTURE)
    files = [intake.content(name, made()) for name, (made, _) in HOSTILE.items()]
    files.append(intake.content("good", good))
    intake.close()
    assert [file.path for file in files if file.refusal is None] == ["good"]
    assert files[-1].counts[RecordStatus.SPOOLED] == spool.counts()[0] > 3


def test_with_all_or_nothing_one_hostile_file_holds_everything_back(spool: Spool) -> None:
    intake = Intake(partner(files=SETTINGS), spool, whole=True)
    good = intake.content("good", xlsx(DEPARTURE))
    intake.content("bad", zip_of_zips())
    intake.close()
    assert spool.counts() == (0, 0)
    assert {r.status for r in good.records} <= {RecordStatus.WITHHELD, RecordStatus.PASSED_OVER}


RUSSIAN = (SAMPLES / "03_naturny_list_du1_cp1251.csv").read_bytes().decode("cp1251")
PLAIN = [[None if cell is None else str(cell).replace("\n", " ") for cell in row] for row in DEPARTURE]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-be"])
def test_a_chinese_list_goes_out_as_the_same_bytes_from_every_encoding(spool: Spool, encoding: str) -> None:
    self_same(spool, text(PLAIN, encoding), text(PLAIN), Settings("ktz", BEIJING, "cr"))


@pytest.mark.parametrize("encoding", ["cp1251", "cp866", "utf-8", "utf-8-sig", "utf-16"])
def test_a_russian_list_goes_out_as_the_same_bytes_from_every_encoding(spool: Spool, encoding: str) -> None:
    self_same(spool, RUSSIAN.encode(encoding), RUSSIAN.encode("cp1251"), Settings("ktz", MOSCOW, "rzd"))


def self_same(spool: Spool, one: bytes, other: bytes, settings: Settings) -> None:
    """Taking in ``other`` after ``one`` says nothing new: the events are the same, byte for byte."""
    for content, fate in ((one, RecordStatus.SPOOLED), (other, RecordStatus.ALREADY)):
        intake = Intake(partner(files=settings), spool)
        file = intake.content("list", content)
        intake.close()
        assert file.refusal is None, file.refusal
        assert file.counts[fate] > 0
        assert set(file.counts) <= {fate, RecordStatus.PASSED_OVER}


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, b""])
def test_native_lines_may_have_a_mark_at_their_beginning(spool: Spool, mark: bytes) -> None:
    file = Intake(partner(), spool).content("list", mark + lines(departed("a"), departed("b")))
    assert file.counts == {RecordStatus.SPOOLED: 2}


def sheet(count: int, blank: int = 0) -> bytes:
    """A departure list of ``count`` boxes; ``blank`` rows behind it have a blank cell each."""
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet()
    for row in (
        ("中欧班列（X8999次）发车清单",),
        ("发站：西安国际港", "发车时间：2026-03-01 08:30"),
        ("车号", "箱号"),
    ):
        page.append(row)
    for n in range(count):
        page.append((f"{5_000_000 + n}", numbers.container(1 + n)))
    for _ in range(blank):
        page.append((" ",))
    page.append(("制表时间：2026-03-01 09:05",))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_hundred_thousand_rows_of_which_most_are_blank_are_read() -> None:
    reading = format_named("departure_list").read(sheet(600, 99_400), OPERATOR)
    kinds = [type(record).__name__ for record in reading.records]
    assert kinds.count("EventDraft") >= 602
    assert "Unread" not in kinds


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_every_one_of_very_many_rows_has_an_outcome(count: int) -> None:
    rows = [
        ["中欧班列（X8999次）发车清单"],
        ["发站：西安国际港", "发车时间：2026-03-01 08:30"],
        ["车号", "箱号"],
    ]
    rows += [[f"{5_000_000 + n // 4}", f"QZXU{n:07}" if n % 10 else "no box"] for n in range(count)]
    reading = format_named("departure_list").read(text([*rows, ["制表时间：2026-03-01 09:05"]]), OPERATOR)
    loaded, others = set[str](), set[int]()
    for record in reading.records:
        if isinstance(record, EventDraft) and record.type == "cre.link.wagon_loaded.v1":
            loaded.update(record.data["containers"])
        elif not isinstance(record, EventDraft):
            others.add(record.where.row)
    assert loaded == {f"QZXU{n:07}" for n in range(count) if n % 10}
    assert others >= {4 + n for n in range(0, count, 10)}


@pytest.mark.long
def test_more_rows_than_are_read_are_refused_before_they_are_laid_out(spool: Spool) -> None:
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet()
    for n in range(200_001):
        page.append((n,))
    out = io.BytesIO()
    book.save(out)
    file = Intake(partner(files=SETTINGS), spool).content("huge", out.getvalue())
    assert file.refusal is not None
    assert "at most 200000 rows" in file.refusal.detail
