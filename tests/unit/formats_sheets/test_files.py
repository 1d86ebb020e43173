"""Every bad file has a clear outcome: a reason, where, and what to do; nothing is half read and nothing ends the process."""

from __future__ import annotations

import io
import struct
import zipfile
from datetime import datetime
from typing import Any

import openpyxl
import pytest
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from schemas.reasons import Reason, Refusal
from services.producers.formats.sheets import FORMATS, delimited, reader
from services.producers.formats.sheets import xls as xls_format
from services.producers.formats.sheets import xlsx as xlsx_format
from tests.unit.formats_sheets.workbooks import (
    DEPARTURE,
    OPERATOR,
    SAMPLES,
    events,
    format_named,
    ole,
    passed,
    protected,
    read,
    said,
    text,
    unread,
    xls,
    xlsx,
)

GOOD = xlsx(DEPARTURE)


def repacked(content: bytes, changes: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", compression) as new:
        for name in [*old.namelist(), *(each for each in changes if each not in old.namelist())]:
            new.writestr(name, changes.get(name) or old.read(name))
    return out.getvalue()


def refusal(content: bytes) -> Refusal:
    with pytest.raises(Refusal) as refused:
        format_named("departure_list").read(content, OPERATOR)
    assert refused.value.remedy, "the sender is told what to do"
    return refused.value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n \r\n", "empty"),
        (GOOD[:3_000], "damaged or cut off"),
        (GOOD[:-40], "damaged or cut off"),
        (b"PK\x03\x04 and nothing more", "damaged or cut off"),
        (xls(DEPARTURE)[:1_200], "damaged or cut off"),
        (protected(), "password"),
        (ole({"WordDocument": bytes(6_000)}), "damaged or cut off"),
        (b"<html><body><table><tr><td>x</td></tr></table></body></html>", "web page"),
        (b'<?xml version="1.0"?><Workbook/>', "XML document"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\x00\x01\x02\x00" * 300, "neither a workbook nor text"),
        (text(DEPARTURE[:3], "utf-8")[:-20] + "车".encode()[:2], "encoding"),
        ("名称,值\r\n甲,乙\r\n".encode("gb18030"), "encoding of the text cannot be told"),
        (text(DEPARTURE, "utf-8") + b'1,"X70,', "breaks off"),
        (b"a,b\r\n1,2\r\n", "No table of the file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_is_refused_with_its_reason(content: bytes, words: str) -> None:
    refused = refusal(content)
    assert words in refused.detail
    assert refused.reason is Reason.UNREADABLE_FILE


def test_a_file_that_cannot_be_opened_is_taken_by_one_format_so_that_someone_says_why() -> None:
    for content in (
        GOOD[:3_000],
        protected(),
        xls(DEPARTURE)[:1_200],
        b"<html><table>",
        "名称,值".encode("gb18030"),
    ):
        assert [each.recognise(content) for each in FORMATS] == [1] + [0] * (len(FORMATS) - 1)
    for content in (b"hello", b"", b'{"id": "x"', b'[{"a": "b', b"<?xml version='1.0'?><a>", b"<a>"):
        assert max(each.recognise(content) for each in FORMATS) == 0, "a message is another format's to judge"


def test_text_that_ends_in_the_middle_of_its_last_row_is_refused() -> None:
    rows = [["车号", "箱号", "施封号", "发车时间"]] + [
        [f"548011{n}", "QZXU4011130", "1", "2026-03-01 08:30"] for n in range(3)
    ]
    whole = text(rows)
    assert "middle of its last row" in refusal(whole[: whole.rindex(b",")]).detail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
def test_a_chinese_list_reads_the_same_in_every_encoding(encoding: str) -> None:
    rows = [[None if cell is None else str(cell).replace("\n", " ") for cell in row] for row in DEPARTURE]
    assert events(read("departure_list", text(rows, encoding))) == events(read("departure_list", text(rows)))
    assert events(read("departure_list", text(rows)))


@pytest.mark.parametrize("encoding", ["cp1251", "cp866", "utf-8", "utf-16"])
def test_a_russian_list_reads_the_same_in_every_encoding(encoding: str) -> None:
    sample = (SAMPLES / "03_naturny_list_du1_cp1251.csv").read_bytes().decode("cp1251")
    assert len(said(read("natural_list", sample.encode(encoding)))) == 2


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_told_by_the_header(separator: str) -> None:
    rows = [[None if cell is None else str(cell) for cell in row] for row in DEPARTURE]
    assert events(read("departure_list", text(rows, separator=separator))) == events(
        read("departure_list", GOOD)
    )


def test_marks_that_keep_a_number_as_text_are_no_part_of_it() -> None:
    rows = [[None if cell is None else str(cell) for cell in row] for row in DEPARTURE]
    rows[3][2], rows[3][5] = '="5480117"', "'260103"
    assert events(read("departure_list", text(rows))) == events(read("departure_list", GOOD))


def test_days_of_a_workbook_that_counts_from_1904_are_the_same_days() -> None:
    rows = [list(row) for row in DEPARTURE]
    rows[1] = ["发站：西安国际港", None, "发车时间", datetime(2026, 3, 1, 8, 30)]
    found = []
    for epoch in (CALENDAR_WINDOWS_1900, CALENDAR_MAC_1904):
        book = openpyxl.Workbook()
        book.epoch = epoch
        sheet = book.active
        assert sheet is not None
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row, start=1):
                sheet.cell(number, column, value)
        out = io.BytesIO()
        book.save(out)
        found.append(events(read("departure_list", out.getvalue())))
    assert found[0] == found[1]
    assert any(data.get("happened") == "2026-03-01T08:30:00+08:00" for _, _, data in found[0].values())


def test_an_old_workbook_reads_like_a_new_one() -> None:
    assert events(read("departure_list", xls(DEPARTURE))) == events(read("departure_list", GOOD))


def test_macros_are_left_behind_and_remarked() -> None:
    content = repacked(GOOD, {"xl/vbaProject.bin": b"macro"})
    reading = format_named("departure_list").read(content, OPERATOR)
    assert any("macros" in remark.text for remark in reading.remarks)
    assert events(read("departure_list", content)) == events(read("departure_list", GOOD))
    assert "xl/vbaProject.bin" not in xlsx_format.take_apart(content).parts


def test_a_bomb_is_refused_by_its_directory_before_anything_is_unpacked() -> None:
    bomb = repacked(GOOD, {"xl/worksheets/sheet1.xml": b"<x>" + bytes(40 << 20)})
    assert len(bomb) < 200_000
    refused = refusal(bomb)
    assert refused.reason is Reason.TOO_LARGE
    assert "packed more than" in refused.detail


def test_a_bomb_whose_directory_lies_is_refused_while_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_format, "MAX_PART", 1 << 20)
    monkeypatch.setattr(xlsx_format, "MAX_RATIO", 1 << 20)
    part = b"<x>" + bytes(8 << 20)
    bomb = bytearray(repacked(GOOD, {"xl/worksheets/sheet1.xml": part}))
    size = struct.pack("<I", len(part))
    assert bomb.count(size) >= 2
    lying = bytes(bomb).replace(size, struct.pack("<I", 100))
    refused = refusal(lying)
    assert "damaged" in refused.detail or refused.reason is Reason.TOO_LARGE


def test_the_library_is_handed_only_what_was_counted() -> None:
    stored = xlsx_format.take_apart(repacked(GOOD, {"xl/media/image1.png": b"picture"})).stored()
    with zipfile.ZipFile(io.BytesIO(stored)) as handed:
        assert all(info.compress_type == zipfile.ZIP_STORED for info in handed.infolist())
        assert not [name for name in handed.namelist() if "media" in name]


def test_a_sheet_with_one_cell_at_the_far_corner_is_refused_not_laid_out() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["XFD1048576"] = "车号", "x"
    out = io.BytesIO()
    book.save(out)
    refused = refusal(out.getvalue())
    assert refused.reason is Reason.TOO_LARGE
    assert "1048576" in refused.detail


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<c r="A5"', '<c r="A1048576"'),
        ('<c r="A5"', '<c r="XFD5"'),
        ('<row r="5"', '<row r="9999999"'),
        ("<dimension ref=", '<dimension ref="A1:XFD1048576" x='),
    ],
)
def test_places_that_the_library_would_believe_are_checked_first(old: str, new: str) -> None:
    with zipfile.ZipFile(io.BytesIO(GOOD)) as package_:
        sheet = package_.read("xl/worksheets/sheet1.xml").decode()
    assert old in sheet
    content = repacked(GOOD, {"xl/worksheets/sheet1.xml": sheet.replace(old, new, 1).encode()})
    if "dimension" in old:
        assert events(read("departure_list", content)) == events(read("departure_list", GOOD))
    else:
        assert refusal(content).detail


def with_shared_text(counts: str) -> bytes:
    """The departure list with one text kept in the table of shared texts, as Excel writes all of them."""
    with zipfile.ZipFile(io.BytesIO(GOOD)) as package_:
        sheet = package_.read("xl/worksheets/sheet1.xml").decode()
        relations = package_.read("xl/_rels/workbook.xml.rels").decode()
        types = package_.read("[Content_Types].xml").decode()
    start = sheet.index('<c r="B4"')
    end = sheet.index("</c>", start) + 4
    main = "http://schemas.openxmlformats.org"
    return repacked(
        GOOD,
        {
            "xl/worksheets/sheet1.xml": (
                sheet[:start] + '<c r="B4" t="s"><v>0</v></c>' + sheet[end:]
            ).encode(),
            "xl/sharedStrings.xml": f'<sst xmlns="{main}/spreadsheetml/2006/main" {counts}><si><t>X70</t></si></sst>'.encode(),
            "xl/_rels/workbook.xml.rels": relations.replace(
                "</Relationships>",
                f'<Relationship Id="rId99" Type="{main}/officeDocument/2006/relationships/sharedStrings" '
                'Target="sharedStrings.xml"/></Relationships>',
            ).encode(),
            "[Content_Types].xml": types.replace(
                "</Types>",
                '<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-'
                'officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
            ).encode(),
        },
    )


def test_shared_texts_are_read_and_their_counts_are_not_believed() -> None:
    content = with_shared_text('count="1" uniqueCount="1"')
    assert events(read("departure_list", content)) == events(read("departure_list", GOOD))
    for counts in (
        'uniqueCount="99999999999"',
        "count = ' 99999999999' uniqueCount='1'",
        'x=">" uniqueCount="4294967295"',
        'uniqueCount="&#57;9999999999"',
    ):
        assert "counts more texts than it holds" in refusal(with_shared_text(counts)).detail


def test_a_part_in_another_encoding_is_refused_because_it_hides_what_is_looked_for() -> None:
    bomb = '<?xml version="1.0" encoding="utf-16"?><worksheet/>'.encode("utf-16")
    assert "not UTF-8" in refusal(repacked(GOOD, {"xl/worksheets/sheet1.xml": bomb})).detail


def old(stream: bytes) -> bytes:
    return ole({"Workbook": stream})


def test_an_old_workbook_that_announces_a_giant_sheet_or_places_a_cell_far_away_asks_for_no_memory() -> None:
    good = xls_format.streams(xls(DEPARTURE))["Workbook"]
    extent = good.index(struct.pack("<HH", 0x0200, 14)) + 4
    giant = good[:extent] + struct.pack("<IIHH", 0, 0xFFFFFFFF, 0, 0xFFFF) + good[extent + 12 :]
    assert events(read("departure_list", old(giant))) == events(read("departure_list", GOOD))
    cell = good.index(struct.pack("<HHHH", 0x0203, 14, 3, 0)) + 4
    far = good[:cell] + struct.pack("<HH", 0xFFFF, 0xFFFF) + good[cell + 4 :]
    assert refusal(old(far)).reason is Reason.TOO_LARGE


def test_an_old_workbook_with_a_password_or_hidden_rows_says_so() -> None:
    good = xls_format.streams(xls(DEPARTURE))["Workbook"]
    head = good.index(struct.pack("<HH", 0x0042, 2))
    locked = good[:head] + struct.pack("<HHH", 0x002F, 2, 1) + good[head + 6 :]
    assert "password" in refusal(old(locked)).detail
    end = good.rindex(struct.pack("<HH", 0x000A, 0))
    row = struct.pack("<HH", 0x0208, 16) + struct.pack("<HHHHHHI", 4, 0, 9, 255, 0, 0, 0x20)
    (failed,) = unread(read("departure_list", old(good[:end] + row + good[end:])))
    assert "hidden" in failed.refusal.detail


@pytest.mark.parametrize("at", range(0, 76, 4))
def test_a_damaged_container_of_an_old_workbook_is_refused_or_read(at: int) -> None:
    good = xls(DEPARTURE)
    for value in (0, 0x7FFFFFFF, 0xFFFFFFFF):
        broken = good[:at] + struct.pack("<I", value) + good[at + 4 :]
        try:
            assert read("departure_list", broken)
        except Refusal as refused:
            assert refused.remedy  # noqa: PT017 - either outcome is right, an abort is not


def test_a_chain_that_runs_in_a_circle_ends() -> None:
    good = bytearray(xls(DEPARTURE))
    struct.pack_into("<I", good, 512 + 4 * 3, 2)  # the second sector of the stream goes on with the first
    assert "damaged" in refusal(bytes(good)).detail


def test_the_container_that_is_written_reads_back() -> None:
    for size in (1, 4_095, 4_096, 5_000_000):
        stream = bytes(range(256)) * (size // 256 + 1)
        assert (
            xls_format.streams(xls_format.with_stream("Workbook", stream[:size]))["Workbook"][:size]
            == stream[:size]
        )


def test_declared_entities_are_refused() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb">]><worksheet>&b;</worksheet>'
    assert "entities" in refusal(repacked(GOOD, {"xl/worksheets/sheet1.xml": bomb})).detail


def test_a_package_with_a_part_twice_is_refused() -> None:
    out = io.BytesIO(GOOD)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(out, "a") as more:
        more.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    assert "twice" in refusal(out.getvalue()).detail


def test_other_packages_are_named_for_what_they_are() -> None:
    for names, words in (
        (["xl/workbook.bin"], "binary workbook"),
        (["mimetype", "content.xml"], "OpenDocument"),
        (["a.csv"], "zip archive"),
    ):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name in names:
                archive.writestr(name, "x")
        assert words in refusal(out.getvalue()).detail


def test_a_file_over_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_format, "MAX_FILE", 1_000)
    assert refusal(GOOD).reason is Reason.TOO_LARGE
    assert refusal(text(DEPARTURE) * 20).reason is Reason.TOO_LARGE


def test_a_formula_that_was_never_computed_is_no_blank() -> None:
    rows: list[list[Any]] = [list(row) for row in DEPARTURE]
    rows[4][2] = "=5480100+18"
    records = read("departure_list", xlsx(rows))
    (failed,) = unread(records)
    assert "never computed" in failed.refusal.detail
    assert failed.refusal.pointer == "Sheet1!C5"
    assert len(said(records, "link.wagon_loaded")) == 2


def test_an_error_value_is_no_blank() -> None:
    content = repacked(GOOD, {})
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        sheet = old.read("xl/worksheets/sheet1.xml").decode()
    start = sheet.index('<c r="D5"')
    end = sheet.index("</c>", start) + 4
    broken = sheet[:start] + '<c r="D5" t="e"><v>#N/A</v></c>' + sheet[end:]
    (failed,) = unread(
        read("departure_list", repacked(content, {"xl/worksheets/sheet1.xml": broken.encode()}))
    )
    assert "error value" in failed.refusal.detail
    assert failed.refusal.pointer == "Sheet1!D5"


def test_hidden_rows_are_not_read_silently_and_hidden_sheets_are_remarked() -> None:
    content = xlsx(DEPARTURE, hidden=[5], more={"旧": DEPARTURE}, hidden_sheets=["旧"])
    reading = format_named("departure_list").read(content, OPERATOR)
    assert any("hidden" in remark.text and remark.where.sheet == "旧" for remark in reading.remarks)
    (failed,) = unread(reading.records)
    assert "hidden" in failed.refusal.detail
    shown = OPERATOR.__class__(
        OPERATOR.party, OPERATOR.zone, OPERATOR.company, choices={"departure_list": {"hidden": "read"}}
    )
    assert events(read("departure_list", content, shown)) == events(read("departure_list", GOOD))


def test_a_line_struck_through_is_passed_over() -> None:
    book = openpyxl.load_workbook(io.BytesIO(GOOD))
    sheet = book.active
    assert sheet is not None
    for column in range(1, 9):
        sheet.cell(5, column).font = Font(strike=True)
    sheet.cell(4, 3).font = Font(strike=True)
    out = io.BytesIO()
    book.save(out)
    records = read("departure_list", out.getvalue())
    assert [each.reason.split(":")[0] for each in passed(records)] == [
        "a line struck through",
        "a total",
        "a signature",
    ]
    assert {e.data["wagon"] for e in said(records, "link.wagon_loaded")} == {"CN/5480502"}
    (failed,) = unread(records)
    assert "struck through" in failed.refusal.detail, "a wagon struck through is no wagon of the row"


def test_only_a_panic_of_the_library_is_taken_for_a_damaged_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def fail(problem: BaseException) -> None:
        def load(_: object) -> None:
            raise problem

        monkeypatch.setattr("services.producers.formats.sheets.workbook.calamine.load_workbook", load)

    fail(PanicException("index out of bounds"))
    assert "damaged" in refusal(xls(DEPARTURE, ((7, 7, 0, 2),))).detail
    fail(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        reader.open_book(xls(DEPARTURE, ((7, 7, 0, 3),)))


def test_limits_hold_for_text_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_format, "MAX_ROWS", 3)
    with pytest.raises(Refusal) as refused:
        delimited.read(text(DEPARTURE))
    assert refused.value.reason is Reason.TOO_LARGE
