"""Receipts of Chinese customs (海关回执): what one office released in a day, by turns a workbook and text in GB18030."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from services.testbed.simulator.files.clock import bare, local
from services.testbed.simulator.files.delimited import delimited
from services.testbed.simulator.files.published_records import PartnerFile, Told, at, only
from services.testbed.simulator.files.workbook import workbook
from services.testbed.simulator.reports import Message
from services.testbed.simulator.world import DAY

FORMAT, PARTY = "gacc_receipts", "gacc"
_TITLE = "海关回执明细 (simulated)"
_HEADERS = ("序号", "报关单号", "回执代码", "回执状态", "回执时间")
_RELEASED = ("P", "已放行")


def files(told: Told) -> Iterator[PartnerFile]:
    """One list for each day."""
    days: dict[int, list[Message]] = defaultdict(list)
    for message in told.plain(PARTY, "customs.released"):
        if only(message, "declaration"):
            days[message.sent // DAY].append(message)
    for day, messages in sorted(days.items()):
        rows = [
            (f"{number}", only(m, "declaration").removeprefix("CN/"), *_RELEASED, f"{bare(PARTY, at(m)):%Y-%m-%d %H:%M:%S}")
            for number, m in enumerate(messages, start=1)
        ]  # fmt: skip
        facts = tuple(
            told.take(m, "classifier", "happened", "jurisdiction", "procedure", "objects") for m in messages
        )
        name = f"receipts-{local(PARTY, day * DAY):%Y-%m-%d}.{'csv' if day % 2 else 'xlsx'}"
        yield PartnerFile(max(m.sent for m in messages), PARTY, FORMAT, name, receipts(rows, name), facts)


def receipts(rows: Sequence[Sequence[str]], name: str) -> bytes:
    """The list of ``rows``, in the form that the file's name promises."""
    table = ((_TITLE,), _HEADERS, *rows)
    return delimited(table, ",", "gb18030") if name.endswith(".csv") else workbook("回执", table)
