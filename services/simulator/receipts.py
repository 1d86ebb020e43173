"""Receipts of Chinese customs as its own lists: some of what GACC tells leaves the world as XLSX and CSV, not as records.

A declaration office exports a list a day with Chinese headers, by turns as a workbook and as text in GB18030. What the
partner's reader makes of a list says the same as the records would have said, under ids from the list's own keys.
"""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from openpyxl import Workbook

from services.simulator.telling import Message
from services.simulator.world import DAY

PARTY = "gacc"
ZONE = ZoneInfo("Asia/Shanghai")
"""The clock that the lists are on, as the party declares it in its profile."""
_TYPE = "cre.customs.released.v1"
_TITLE = "海关回执明细 (simulated)"
_HEADERS = ("序号", "报关单号", "回执代码", "回执状态", "回执时间")
_RELEASED = ("P", "已放行")
_PLAIN = {"classifier", "happened", "jurisdiction", "procedure", "objects"}


@dataclass(frozen=True, slots=True)
class SheetFile:
    """A list as ``party`` hands it over at ``sent`` (UTC microseconds): its file name, bytes, and how many rows it has."""

    sent: int
    party: str
    name: str
    content: bytes
    rows: int


def listed(messages: Sequence[Message]) -> tuple[list[Message], list[SheetFile]]:
    """Take out of ``messages`` what a daily list of receipts can say, and return the rest with these lists.

    Left as they are: repeated, contradicted, corrected and retracted records, for a list has no ids to refer to.
    """
    ids = Counter(m.record["id"] for m in messages if m.party == PARTY)
    referred = {m.record["data"].get("target") for m in messages if m.party == PARTY}
    rest: list[Message] = []
    days: dict[int, list[Message]] = defaultdict(list)
    for message in messages:
        if _fits(message) and ids[message.record["id"]] == 1 and message.record["id"] not in referred:
            days[message.sent // DAY].append(message)
        else:
            rest.append(message)
    return rest, [_file(day, found) for day, found in sorted(days.items())]


def _fits(message: Message) -> bool:
    data = message.record["data"]
    if message.party != PARTY or message.record["type"] != _TYPE or message.copies > 1:
        return False
    about = data["objects"]
    return (
        data.keys() <= _PLAIN
        and len(about) == 1
        and about[0]["kind"] == "declaration"
        and "." not in data["happened"]  # a list has whole seconds
    )


def _file(day: int, messages: Sequence[Message]) -> SheetFile:
    rows = [
        (str(number), _number(message), *_RELEASED, _time(message))
        for number, message in enumerate(messages, start=1)
    ]
    date = datetime.fromtimestamp(day * DAY / 1_000_000, ZONE).date().isoformat()
    sent = max(message.sent for message in messages)
    if day % 2:
        return SheetFile(sent, PARTY, f"receipts-{date}.csv", _text(rows), len(rows))
    return SheetFile(sent, PARTY, f"receipts-{date}.xlsx", _workbook(rows), len(rows))


def _number(message: Message) -> str:
    return str(message.record["data"]["objects"][0]["id"]).removeprefix("CN/")


def _time(message: Message) -> str:
    happened = datetime.fromisoformat(message.record["data"]["happened"])
    return happened.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _text(rows: Iterable[Sequence[str]]) -> bytes:
    lines = (_TITLE, ",".join(_HEADERS), *(",".join(row) for row in rows), "")
    return "\r\n".join(lines).encode("gb18030")


def _workbook(rows: Iterable[Sequence[str]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "回执"
    sheet.append((_TITLE,))
    sheet.append(_HEADERS)
    for row in rows:
        sheet.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
