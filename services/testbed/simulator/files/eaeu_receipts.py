"""Decisions on transit declarations (ТД) of customs of the Eurasian union, as text in CP1251 or a workbook."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from services.testbed.simulator.files.clock import bare, local
from services.testbed.simulator.files.delimited import delimited
from services.testbed.simulator.files.published_records import PartnerFile, Told, at, named
from services.testbed.simulator.files.workbook import workbook
from services.testbed.simulator.reports import Message
from services.testbed.simulator.world import DAY

FORMAT = "eaeu_receipts"
COUNTRIES = {"eaeu-kz": "KZ", "eaeu-ru": "RU", "eaeu-by": "BY"}
_TITLE = "Решения по ТД (имитация, simulated)"
_HEADERS = ("№ п/п", "Рег. номер ТД", "Код решения", "Решение", "Дата решения", "№ контейнера")
_RELEASED = ("2", "Выпущена")


def files(told: Told) -> Iterator[PartnerFile]:
    """What each administration released for transit, one list for three days."""
    for party, country in COUNTRIES.items():
        days: dict[int, list[Message]] = defaultdict(list)
        for message in told.plain(party, "customs.transit_opened"):
            if named(message, "declaration"):
                days[message.sent // (3 * DAY)].append(message)
        for day, messages in sorted(days.items()):
            rows = [_row(party, country, number, m) for number, m in enumerate(messages, start=1)]
            facts = tuple(
                told.take(m, "classifier", "happened", "jurisdiction", "procedure", "objects")
                for m in messages
            )
            suffix = "xlsx" if told.random(FORMAT, party, day).random() < 0.4 else "csv"
            sent = max(m.sent for m in messages)
            name = f"TD-{local(party, sent):%Y-%m-%d}.{suffix}"
            yield PartnerFile(sent, party, FORMAT, name, decisions(rows, name), facts)


def _row(party: str, country: str, number: int, message: Message) -> Sequence[str]:
    declaration = named(message, "declaration")[0].removeprefix(f"{country}/")
    when = f"{bare(party, at(message)):%d.%m.%Y %H:%M:%S}"
    return f"{number}", declaration, *_RELEASED, when, ", ".join(named(message, "container"))


def decisions(rows: Sequence[Sequence[str]], name: str) -> bytes:
    """The list of ``rows``, in the form that the file's name promises."""
    table = ((_TITLE,), _HEADERS, *rows)
    return delimited(table, ";", "cp1251") if name.endswith(".csv") else workbook("ТД", table)
