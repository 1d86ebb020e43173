"""What customs answer in lists: receipts of Chinese customs (海关回执), decisions of the Eurasian union on transit declarations (ТД).

Each list is a workbook or a text table, as its name promises: GB18030 in China, CP1251 in the Eurasian union.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from services.testbed.simulator.files.file_formats import bare, delimited, local, workbook
from services.testbed.simulator.files.office_records import OfficeRecords, PartnerFile, at, named, only
from services.testbed.simulator.reports import Message
from services.testbed.simulator.world import DAY

GACC, EAEU = "gacc_receipts", "eaeu_receipts"
_GACC_TITLE = "海关回执明细 (simulated)"
_GACC_HEADERS = ("序号", "报关单号", "回执代码", "回执状态", "回执时间")
_GACC_RELEASED = ("P", "已放行")


def gacc_receipts(records: OfficeRecords) -> Iterator[PartnerFile]:
    """One list for each day."""
    days: dict[int, list[Message]] = defaultdict(list)
    for message in records.plain("gacc", "customs.released"):
        if only(message, "declaration"):
            days[message.sent // DAY].append(message)
    for day, messages in sorted(days.items()):
        rows = [
            (f"{number}", only(m, "declaration").removeprefix("CN/"), *_GACC_RELEASED, f"{bare('gacc', at(m)):%Y-%m-%d %H:%M:%S}")
            for number, m in enumerate(messages, start=1)
        ]  # fmt: skip
        facts = tuple(
            records.take(m, "classifier", "happened", "jurisdiction", "procedure", "objects")
            for m in messages
        )
        name = f"receipts-{local('gacc', day * DAY):%Y-%m-%d}.{'csv' if day % 2 else 'xlsx'}"
        yield PartnerFile(
            max(m.sent for m in messages),
            "gacc",
            GACC,
            name,
            _table([(_GACC_TITLE,), _GACC_HEADERS, *rows], name, "回执", ",", "gb18030"),
            facts,
        )


EAEU_COUNTRIES = {"eaeu-kz": "KZ", "eaeu-ru": "RU", "eaeu-by": "BY"}
_EAEU_TITLE = "Решения по ТД (имитация, simulated)"
_EAEU_HEADERS = ("№ п/п", "Рег. номер ТД", "Код решения", "Решение", "Дата решения", "№ контейнера")
_EAEU_RELEASED = ("2", "Выпущена")


def eaeu_receipts(records: OfficeRecords) -> Iterator[PartnerFile]:
    """What each administration released for transit, one list for three days."""
    for party, country in EAEU_COUNTRIES.items():
        days: dict[int, list[Message]] = defaultdict(list)
        for message in records.plain(party, "customs.transit_opened"):
            if named(message, "declaration"):
                days[message.sent // (3 * DAY)].append(message)
        for day, messages in sorted(days.items()):
            rows = [_row(party, country, number, m) for number, m in enumerate(messages, start=1)]
            facts = tuple(
                records.take(m, "classifier", "happened", "jurisdiction", "procedure", "objects")
                for m in messages
            )
            suffix = "xlsx" if records.random(EAEU, party, day).random() < 0.4 else "csv"
            sent = max(m.sent for m in messages)
            name = f"TD-{local(party, sent):%Y-%m-%d}.{suffix}"
            yield PartnerFile(
                sent,
                party,
                EAEU,
                name,
                _table([(_EAEU_TITLE,), _EAEU_HEADERS, *rows], name, "ТД", ";", "cp1251"),
                facts,
            )


def _row(party: str, country: str, number: int, message: Message) -> Sequence[str]:
    declaration = named(message, "declaration")[0].removeprefix(f"{country}/")
    when = f"{bare(party, at(message)):%d.%m.%Y %H:%M:%S}"
    return f"{number}", declaration, *_EAEU_RELEASED, when, ", ".join(named(message, "container"))


def _table(rows: Sequence[Sequence[str]], name: str, sheet: str, separator: str, encoding: str) -> bytes:
    return delimited(rows, separator, encoding) if name.endswith(".csv") else workbook(sheet, rows)
