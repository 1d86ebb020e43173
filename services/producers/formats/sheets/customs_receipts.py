"""Customs receipts as tables: of the Chinese administration (GACC 回执) and of the Eurasian union (решения по ДТ, ТД).

A row is a receipt with its own time. A code has a meaning within its system only; a release is taken only from a code or
text that states it unambiguously, and the original text is stored with the event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from schemas.identifiers import MalformedIdentifier, eaeu_declaration, gacc_declaration
from schemas.reasons import Reason, Refusal
from services.producers.formats.model import PassedOver, Record
from services.producers.formats.sheets import event_builder, labels
from services.producers.formats.sheets.document import CREATED, Document, Kind
from services.producers.formats.sheets.grid import Scalar
from services.producers.formats.sheets.labels import fold, fold_cell
from services.producers.formats.sheets.quantities import plain
from services.producers.formats.sheets.section import Entry, Section

# The same digit means other things in the next system. Codes whose sources contradict one another (``conflict``) or that
# were inferred (``guess``) have no meaning until the partner declares one.


@dataclass(frozen=True, slots=True)
class Code:
    """One code; ``effect`` is an event's name (``held:OTHER`` with its reason) or ``none:`` and why it makes no event."""

    system: str
    code: str
    text: str
    effect: str
    meaning: str
    certainty: str

    @property
    def sure(self) -> bool:
        """Whether its effect holds without a declaration of the partner."""
        return self.certainty in ("read", "own")


def by_code(system: str, code: str) -> Code | None:
    """The code of a system, None where it has none such; leading zeros that a number lost are given back."""
    table = _by_code()
    plain = code.strip().upper()
    for spelling in (plain, plain.zfill(2), plain.zfill(3)):
        found = table.get((system, spelling))
        if found is not None:
            return found
    return None


def by_text(systems: Iterable[str], text: str) -> Code | None:
    """The code whose own words ``text`` is, in the first of ``systems`` that has it; sure ones before others."""
    folded = fold_cell(text)
    found = [code for system in systems for code in _by_text().get((system, folded), ())]
    sure = [code for code in found if code.sure]
    return next(iter(sure or found), None)


def known(system: str) -> bool:
    """Whether there is a table of ``system``."""
    return any(system == each for each, _ in _by_code()) or any(system == each for each, _ in _by_text())


def systems() -> tuple[str, ...]:
    """The names of all systems."""
    return tuple(dict.fromkeys(code.system for code in _codes()))


@cache
def _codes() -> tuple[Code, ...]:
    return tuple(Code(effect=row.pop("says"), **row) for row in map(dict, labels.rows("customs_codes")))


@cache
def _by_code() -> Mapping[tuple[str, str], Code]:
    return MappingProxyType({(code.system, code.code): code for code in _codes() if code.code})


@cache
def _by_text() -> Mapping[tuple[str, str], tuple[Code, ...]]:
    found: dict[tuple[str, str], tuple[Code, ...]] = {}
    for code in _codes():
        for text in dict.fromkeys((code.text, *code.text.split("/"), code.text.partition("(")[0])):
            if fold(text):
                key = code.system, fold(text)
                found[key] = (*found.get(key, ()), code)
    return MappingProxyType(found)


MEANINGS: Final = frozenset(
    {
        "sequenceNumber", "customs.declarationNumber", "customs.transitNumber", "customs.statusCode",
        "customs.status", "customs.statusTime", "customs.procedure", "customs.office", "customs.receiptNumber",
        "customs.note", "customs.agent", "container.id", "consignmentNoteNumber", "remarks", CREATED,
    }
)  # fmt: skip
_GACC: Final = ("gacc-channel", "gacc-qp")
_EAEU: Final = ("eaeu-dt", "ru-fcs-mail", "kz-keden")
_LOST: Final = re.compile(r"^[0-9][.,][0-9]+E\+?[0-9]+$", re.IGNORECASE)
_CODE: Final = re.compile(r"[A-Z#]|[0-9]{1,3}", re.IGNORECASE)
_PROCEDURES: Final = (
    ("TRANSIT", re.compile(r"тт(\s*80)?|80|(таможенный\s+)?транзит", re.IGNORECASE)),
    ("EXPORT", re.compile(r"эк(\s*10)?|10|экспорт|出口|e|0", re.IGNORECASE)),
    ("WAREHOUSE", re.compile(r"(им\s*)?(70|74)|таможенный\s+склад|склад", re.IGNORECASE)),
    ("RE_EXPORT", re.compile(r"(эк\s*)?31|реэкспорт", re.IGNORECASE)),
    (
        "IMPORT",
        re.compile(r"им(\s*40)?|40|импорт|выпуск\s+для\s+внутреннего\s+потребления|进口|i|1", re.IGNORECASE),
    ),
)
"""Procedures as the whole of a cell."""
_EFFECTS: Final = frozenset(
    {
        "lodged", "released", "rejected", "selected_for_inspection", "inspection_passed", "inspection_finding",
        "held", "hold_lifted", "cancelled", "manifest_accepted", "transit_opened", "none",
    }
)  # fmt: skip
_TO_DECLARE: Final = (
    "lodged",
    "released",
    "rejected",
    "selected_for_inspection",
    "cancelled",
    "hold_lifted",
    "none",
)


def _likeness(section: Section, chinese: bool) -> int:
    numbered = section.has("customs.declarationNumber") or section.has("customs.transitNumber")
    stated = section.has("customs.statusCode") or section.has("customs.status")
    if not (numbered and stated and section.has("customs.statusTime")) or section.has("wagon.id"):
        return 0
    numbers = [*section.sample("customs.declarationNumber"), *section.sample("customs.transitNumber")]
    ours = sum(_is_chinese(number) if chinese else "/" in plain(number) for number in numbers)
    if ours * 2 < len(numbers):
        return 0
    named = section.mentions(
        *(("回执", "海关", "报关") if chinese else ("решени", "тамож", "выпуск", "дт", "тд"))
    )
    return (60 if numbers else 15) + 20 * named + 10 * section.has("customs.statusCode")


def _is_chinese(value: Scalar) -> bool:
    text = plain(value)
    return (
        (text.isdigit() and len(text) >= 16)
        or (isinstance(value, float) and value >= 1e15)
        or bool(_LOST.match(text))
    )


def _records(document: Document, chinese: bool) -> Iterator[Record]:
    return event_builder.row_by_row(document, lambda entry: _of_receipt(document, entry, chinese))


def _of_receipt(document: Document, entry: Entry, chinese: bool) -> Iterator[Record]:
    if event_builder.withdrawn(entry, "remarks", "customs.note"):
        yield PassedOver(entry.here, "a cancelled line")
        return
    number, transit = _number(entry, chinese)
    code = _code(document, entry, chinese)
    shown = f"{code.code} {code.text}".strip()
    declared = document.choice(f"code:{code.code}") or code.effect
    if not all(each.partition(":")[0] in _EFFECTS for each in declared.split("+")):
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The choice code:{code.code} is {declared!r}, which is no event.",
            "",
            f"Declare it as one of {', '.join(_TO_DECLARE)}.",
        )
    if declared.startswith("none"):
        yield PassedOver(
            entry.here, f"{shown}: {declared.partition(':')[2] or 'declared as none'}; it makes no event"
        )
        return
    jurisdiction = "CN" if chinese else _jurisdiction(document, entry, number)
    moment = document.moment_of(entry, "customs.statusTime")
    where = entry.where("customs.statusTime")
    if moment is None:
        raise Refusal(
            Reason.INVALID_TIME,
            "The receipt has no time.",
            str(where),
            "Give 回执时间, Дата решения or Status time.",
        )
    moment = event_builder.require_time(document, moment, where, "a decision of customs")
    if code.certainty == "own":
        entry.remark(
            "customs.statusCode", f"The meaning of {shown!r} is known from the trade, not from a source."
        )
    words = entry.joined("customs.status")
    common: dict[str, Any] = {
        **event_builder.time_fields(moment),
        "jurisdiction": jurisdiction,
        "procedure_office": number[:4] if chinese else number.partition("/")[0],
        "objects": [
            *event_builder.objects("declaration", [f"{jurisdiction}/{number}"]),
            *event_builder.objects("container", event_builder.boxes(entry)),
        ],
        "remark": event_builder.remark(shown, words if words != code.text else ""),
    }
    procedure = _procedure(document, entry, number, transit, chinese)
    for each in declared.split("+"):
        what, fields = _event(each, procedure)
        data = {**common, **fields}
        yield event_builder.draft(
            document, entry.here, number, moment.instant, what, data,
            about=code.code or code.effect, remarks=entry.remarks,
        )  # fmt: skip


def _number(entry: Entry, chinese: bool) -> tuple[str, bool]:
    """The declaration's number, and whether it is one of transit; raises Refusal for what is none or lost digits."""
    transit = entry.value("customs.transitNumber") is not None
    meaning = "customs.transitNumber" if transit else "customs.declarationNumber"
    value = entry.value(meaning)
    text = entry.text(meaning)
    if (isinstance(value, float) and abs(value) >= 1e15) or _LOST.match(text):
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The declaration number was kept as a number and lost its last digits.",
            str(entry.where(meaning)),
            "Format the column as text before the numbers are put in, and export the list again.",
        )
    try:
        return (gacc_declaration.parse(text).text if chinese else eaeu_declaration.parse(text).text), transit
    except MalformedIdentifier as problem:
        raise Refusal(Reason.INVALID_SCHEMA, str(problem), str(entry.where(meaning))) from None


def _code(document: Document, entry: Entry, chinese: bool) -> Code:
    """The code of a receipt by the partner's system, else by its form, else by its words; raises Refusal for doubt."""
    text = entry.text("customs.statusCode") or entry.text("customs.status")
    words = entry.joined("customs.status")
    system = document.choice("system")
    found = None
    if _CODE.fullmatch(text):
        found = by_code(system or _by_form(text, chinese), text)
    if found is None and words:
        found = by_text([system] if system else (_GACC if chinese else _EAEU), words)
    meaning = "customs.statusCode" if entry.value("customs.statusCode") is not None else "customs.status"
    where = str(entry.where(meaning))
    if found is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The status {(text or words)[:40]!r} is not known{f' in the system {system}' if system else ''}.",
            where,
            f'Declare the choice "system" as one of {", ".join(systems())}.',
        )
    if not found.sure and not document.choice(f"code:{found.code}"):
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The status {found.code or found.text!r} means different things in different programs ({found.meaning}).",
            where,
            f'Declare the choice "code:{found.code}" as one of {", ".join(_TO_DECLARE)}.',
        )
    return found


def _by_form(code: str, chinese: bool) -> str:
    if not chinese:
        return "eaeu-dt"
    return "gacc-qp" if code.isdigit() and len(code) > 1 else "gacc-channel"


def _jurisdiction(document: Document, entry: Entry, number: str) -> str:
    """The country whose customs decided: declared, else Russia for a post of eight digits."""
    chosen = document.choice("jurisdiction").upper()
    if chosen:
        return chosen
    if len(number.partition("/")[0]) == 8:
        return "RU"
    raise Refusal(
        Reason.INVALID_SCHEMA,
        "A post of five digits may be of Kazakhstan, Belarus, Kyrgyzstan or Armenia.",
        str(entry.here),
        'Declare the choice "jurisdiction" as KZ, BY, KG or AM.',
    )


def _procedure(document: Document, entry: Entry, number: str, transit: bool, chinese: bool) -> str:
    """IMPORT, EXPORT, TRANSIT, WAREHOUSE or RE_EXPORT; a Chinese number tells its direction itself."""
    if chinese:
        return gacc_declaration.parse(number).direction
    if transit:
        return "TRANSIT"
    text = entry.text("customs.procedure")
    found = next((name for name, pattern in _PROCEDURES if pattern.fullmatch(text)), "")
    if text and not found:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The procedure {text[:40]!r} is not known.",
            str(entry.where("customs.procedure")),
            "Give ИМ 40, ЭК 10 or ТТ 80.",
        )
    return found or document.choice("procedure", "IMPORT").upper()


def _event(effect: str, procedure: str) -> tuple[str, dict[str, Any]]:
    name, _, detail = effect.partition(":")
    if name == "lodged":
        return ("customs.export_lodged" if procedure == "EXPORT" else "customs.import_lodged"), {}
    if name in ("released", "transit_opened"):
        if procedure == "TRANSIT" or name == "transit_opened":
            return "customs.transit_opened", {"procedure": "EAEU"}
        return "customs.released", {"procedure": procedure}
    if name in ("held", "rejected"):
        return f"customs.{name}", {"reason": detail or "OTHER"}
    if name == "inspection_finding":
        return "customs.inspection_finding", {"finding": detail or "OTHER"}
    return f"customs.{name}", {}


GACC: Final = Kind(
    "gacc_receipts",
    "receipts of Chinese customs (海关回执)",
    MEANINGS,
    lambda section: _likeness(section, True),
    lambda document: _records(document, True),
)
EAEU: Final = Kind(
    "eaeu_receipts",
    "receipts of customs of the Eurasian union (решения по ДТ, ТД)",
    MEANINGS,
    lambda section: _likeness(section, False),
    lambda document: _records(document, False),
)
