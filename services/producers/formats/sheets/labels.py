"""Meanings of header labels: 1,300 spellings in Chinese, Russian and English, compared in a normalised form.

A label with a qualifier that may change its meaning (计划, 未, "planned") is unknown. Other text beside a known label is
remarked; a zone in it applies to its column. An ambiguous label is settled by the document's columns, its values or the
partner's choice. ``certainty`` is read (seen as a header in a public source) or own (knowledge of the trade, not seen).
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from zoneinfo import ZoneInfo

from services.producers.formats.sheets import moments, qualifiers


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of data file ``name``: UTF-8 with a header."""
    text = (files(__package__) / "data" / f"{name}.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(io.StringIO(text, newline=""))


# Latin and Cyrillic letters that look alike are typed for one another; after casefold one of each pair is enough.
_ALIKE = str.maketrans("авекмнорстухіё", "abekmhopctyxie")
_NUMBER_IN_BRACKETS = re.compile(r"[(\[]\s*[0-9,\s]+[)\]]")
_UNIT = re.compile(
    r"[\s,/(\[]*(?<![a-zа-я])(?P<unit>kgs?|公斤|千克|кг|吨|tn?|т|тн|cbm|m3|м3)\.?\s*[)\]]?\s*$", re.IGNORECASE
)
_IN_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")
_WORDS_OF_ONE_SCRIPT = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]+|[^\u2e80-\u9fff\uf900-\ufaff]+")
_DOUBT = re.compile(r"[^\w\s.,;:()\[\]/|&№\"'«»、。·…【】\-–—]")
_KILOGRAMS = frozenset({"kg", "kgs", "公斤", "千克", "кг"})
_TONNES = frozenset({"t", "tn", "吨", "т", "тн"})
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Entry:
    """One meaning of a spelling, with how well it is known."""

    meaning: str
    certainty: str


@dataclass(frozen=True, slots=True)
class Label:
    """What was found of a label; ``unit`` is kg, t or "" where the label names none.

    ``beside`` is what in it is not understood, ``zone`` the zone or offset that it names.
    """

    entries: tuple[Entry, ...]
    unit: str = ""
    beside: str = ""
    zone: ZoneInfo | str | None = None

    @property
    def known(self) -> bool:
        """Whether it means anything."""
        return bool(self.entries)

    @property
    def meanings(self) -> frozenset[str]:
        """Everything that it may mean."""
        return frozenset(entry.meaning for entry in self.entries)


UNKNOWN = Label(())


def fold(label: str) -> str:
    """The form in which labels are compared: width, case, blanks, punctuation and look-alikes make no difference."""
    plain = unicodedata.normalize("NFKC", label).casefold().translate(_ALIKE)
    return "".join(character for character in plain if character.isalnum())


def fold_cell(text: str) -> str:
    """A cell's word in the folded form; "" where a mark of doubt or a footnote ("?", "*") stands in it, so that it is no word."""
    return "" if _DOUBT.search(unicodedata.normalize("NFKC", text)) else fold(text)


@lru_cache(maxsize=50_000)
def look_up(label: str) -> Label:
    """The meanings of ``label``: whole, then without numbers and units in it, then each language of a bilingual one."""
    if not label or len(label) > _LONGEST:
        return UNKNOWN
    plain = unicodedata.normalize("NFKC", label)
    if "?" in plain:
        return UNKNOWN
    found = _UNIT.search(plain)
    unit = _unit(found["unit"]) if found else ""
    candidates = (
        plain,
        _NUMBER_IN_BRACKETS.sub("", plain),
        plain[: found.start()] if found else plain,
        _IN_BRACKETS.sub("", plain),
    )
    for candidate in candidates:
        entries = _table().get(fold(candidate))
        if entries:
            return _with_brackets(Label(entries, unit), plain, candidate)
    bare = _IN_BRACKETS.sub("", plain)
    entries, rest = _bilingual(plain if fold(bare) == fold(plain) else bare)
    if not entries or qualifiers.found(rest):
        return UNKNOWN
    return _with_brackets(Label(entries, unit, rest), plain, bare)


def _with_brackets(found: Label, plain: str, read: str) -> Label:
    """``found`` with what the brackets say that were left out of ``read``; not known where they may turn its meaning."""
    beside, zone = found.beside, None
    for text in _IN_BRACKETS.findall(plain):
        if text in read or fold(text).isdigit() or (found.unit and _UNIT.fullmatch(text)):
            continue
        inside = text.strip("()[] ")
        stated = moments.zone_in(inside)
        again = {entry.meaning for entry in _table().get(fold(inside), ())}
        if stated is not None:
            zone = stated
        elif qualifiers.found(inside):
            return UNKNOWN
        elif fold(inside) and not again & found.meanings:
            beside = f"{beside} {text}".strip()
    return replace(found, beside=beside, zone=zone)


def _bilingual(plain: str) -> tuple[tuple[Entry, ...], str]:
    """What all known parts of a label in two languages agree on, and the parts that are not known.

    The parts stand on lines, by a slash or by script.
    """
    for parts in (plain.split("\n"), plain.split("/"), _WORDS_OF_ONE_SCRIPT.findall(plain)):
        known = [entries for part in parts if (entries := _table().get(fold(part)))]
        if len(parts) < 2 or not known:
            continue
        rest = " ".join(part.strip() for part in parts if fold(part) and not _table().get(fold(part)))
        common = [e for e in known[0] if all(any(o.meaning == e.meaning for o in k) for k in known)]
        return tuple(common) if common else tuple(dict.fromkeys(e for k in known for e in k)), rest
    return (), ""


def _unit(text: str) -> str:
    lower = text.lower()
    return "kg" if lower in _KILOGRAMS else "t" if lower in _TONNES else ""


@cache
def _table() -> Mapping[str, tuple[Entry, ...]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows("headers"):
        for spelling in row["spellings"].split(" | "):
            meanings = found.setdefault(fold(spelling), {})
            if meanings.get(row["meaning"]) != "read":
                meanings[row["meaning"]] = row["certainty"]
    return MappingProxyType(
        {
            folded: tuple(Entry(meaning, certainty) for meaning, certainty in sorted(meanings.items()))
            for folded, meanings in found.items()
        }
    )
