"""The page for partners tells what the readers do: its formats, its columns and its examples are true."""

from __future__ import annotations

import re
from pathlib import Path

from services.producers.formats.model import Settings
from services.producers.formats.sheets import _KINDS, FORMATS, customs_receipts
from tests.unit.formats_sheets.workbooks import BEIJING, KTZ, OPERATOR, RAILWAY, read, said, text, unread

SMGS = Settings("ktz", KTZ.zone, choices={"waybill_list": {"note.form": "SMGS"}})
PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "partners-spreadsheets.md").read_text(
    encoding="utf-8"
)


def table_after(mark: str) -> list[list[str | None]]:
    """The rows of the table in the page that has ``mark``, without the line below its header."""
    lines = PAGE.split("\n")
    at = next(n for n, line in enumerate(lines) if mark in line and line.startswith("|"))
    while lines[at - 1].startswith("|"):
        at -= 1
    rows = []
    while lines[at].startswith("|"):
        if not set(lines[at]) <= set("|-"):
            cells = [cell.strip().strip("*") for cell in lines[at].strip("|").split("|")]
            rows.append([cell or None for cell in cells])
        at += 1
    return rows


def test_every_format_and_every_column_is_on_the_page() -> None:
    columns = PAGE[PAGE.index("## The columns") :]
    for kind in _KINDS:
        assert f"| `{kind.name}` |" in PAGE
        for meaning in kind.meanings:
            (line,) = [line for line in columns.split("\n") if line.startswith(f"| `{meaning}` |")]
            assert f"`{kind.name}`" in line, (kind.name, meaning)
    assert [each.name for each in FORMATS] == [kind.name for kind in _KINDS]
    assert all(f"`{system}`" in PAGE for system in customs_receipts.systems())


def test_every_choice_that_the_readers_ask_for_is_on_the_page() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in Path(customs_receipts.__file__).parent.glob("*.py")
    )
    asked = set(re.findall(r'\.choice\(\s*"([a-z.]+)"', code))
    assert len(asked) >= 10
    assert all(f"`{choice}`" in PAGE for choice in asked), asked


def test_the_examples_on_the_page_are_read() -> None:
    for mark, name, settings, count in (
        ("发车清单 | | | |", "departure_list", OPERATOR, 4),
        ("货物交接单 / ПЕРЕДАТОЧНАЯ", "border_handover", RAILWAY, 5),
        ("НАТУРНЫЙ ЛИСТ | | | |", "natural_list", KTZ, 2),
        ("制表日期：2026-02-20 10:00", "booking_list", OPERATOR, 3),
        ("发布日期：2026-02-25 18:00", "train_plan", OPERATOR, 1),
        ("列车编组顺序表 | 车次", "consist_cn", RAILWAY, 2),
        ("中欧班列运踪表", "tracing", Settings("hanse", BEIJING), 1),
        ("Справка о дислокации", "dislocation", Settings("hanse", KTZ.zone), 1),
        ("集装箱进出场清单", "gate_list", Settings("xadepot", BEIJING), 1),
        ("集装箱状态表 |", "container_status", OPERATOR, 2),
        ("ПОРУЧЕНИЕ |", "port_order", Settings("port", KTZ.zone), 2),
        ("Перечень накладных", "waybill_list", SMGS, 1),
        ("902620260001234567", "gacc_receipts", Settings("broker", BEIJING), 1),
        ("10702070/050326/5000123", "eaeu_receipts", Settings("broker", KTZ.zone), 1),
    ):
        content = text(table_after(mark))
        sure = sorted((each.recognise(content), each.name) for each in FORMATS)
        assert sure[-1][1] == name, (name, sure)
        assert sure[-2][0] < sure[-1][0] - 5, ("no other kind comes near", name, sure)
        records = read(name, content, settings)
        assert not unread(records), (name, [str(each.refusal) for each in unread(records)])
        assert len(said(records)) == count, (name, [each.id for each in said(records)])
