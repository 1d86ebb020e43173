"""What a header's label means: 1,300 spellings in Chinese, Russian and English, compared in one folded form.

A label may have several meanings; which one holds, a document's own columns, its values or the partner's choice say.
``certainty`` is read (seen as a header in a public source) or own (knowledge of the trade, not seen).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from services.producers.formats.sheets import facts

# Latin and Cyrillic letters that look alike are typed for one another; after casefold one of each pair is enough.
_ALIKE = str.maketrans("авекмнорстухіё", "abekmhopctyxie")
_NUMBER_IN_BRACKETS = re.compile(r"[(\[]\s*[0-9,\s]+[)\]]")
_UNIT = re.compile(
    r"[\s,/(\[]*(?<![a-zа-я])(?P<unit>kgs?|公斤|千克|кг|吨|tn?|т|тн|cbm|m3|м3)\.?\s*[)\]]?\s*$", re.IGNORECASE
)
_IN_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")
_WORDS_OF_ONE_SCRIPT = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]+|[^\u2e80-\u9fff\uf900-\ufaff]+")
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
    """What was found of a label; ``unit`` is kg, t or "" where the label names none."""

    entries: tuple[Entry, ...]
    unit: str = ""

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


@lru_cache(maxsize=50_000)
def look_up(label: str) -> Label:
    """The meanings of ``label``: whole, then without numbers and units in it, then each language of a bilingual one."""
    if not label or len(label) > _LONGEST:
        return UNKNOWN
    plain = unicodedata.normalize("NFKC", label)
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
            return Label(entries, unit)
    return Label(_bilingual(plain), unit)


def _bilingual(plain: str) -> tuple[Entry, ...]:
    """What all known parts of a label in two languages agree on; the parts stand on lines, by a slash or by script."""
    for parts in (plain.split("\n"), plain.split("/"), _WORDS_OF_ONE_SCRIPT.findall(plain)):
        known = [entries for part in parts if (entries := _table().get(fold(part)))]
        if len(parts) < 2 or not known:
            continue
        common = [e for e in known[0] if all(any(o.meaning == e.meaning for o in k) for k in known)]
        return tuple(common) if common else tuple(dict.fromkeys(e for k in known for e in k))
    return ()


def _unit(text: str) -> str:
    lower = text.lower()
    return "kg" if lower in _KILOGRAMS else "t" if lower in _TONNES else ""


@cache
def _table() -> Mapping[str, tuple[Entry, ...]]:
    found: dict[str, dict[str, str]] = {}
    for row in facts.rows("headers"):
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
