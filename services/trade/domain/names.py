"""Names of companies compared across scripts: legal forms left out, Cyrillic written in Latin, words in any order."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from typing import Final

_CYRILLIC: Final = dict(
    zip(
        "абвгдезийклмнопрстуфыэё",
        ("a", "b", "v", "g", "d", "e", "z", "i", "i", "k", "l", "m", "n", "o", "p", "r", "s", "t", "u", "f", "y", "e", "e"),
        strict=True,
    )
) | {"ł": "l", "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": "", "ю": "iu", "я": "ia",
     "і": "i", "ә": "a", "ғ": "g", "қ": "k", "ң": "n", "ө": "o", "ұ": "u", "ү": "u", "һ": "h"}  # fmt: skip
"""Russian as in passports (ICAO 9303), and the letters of Kazakh."""
_FORMS: Final = frozenset(
    [
        "llc",
        "ooo",
        "ltd",
        "limited",
        "co",
        "company",
        "corp",
        "corporation",
        "inc",
        "gmbh",
        "sa",
        "ao",
        "zao",
        "oao",
        "pao",
        "too",
        "jsc",
        "ojsc",
        "cjsc",
        "pjsc",
        "the",
        "and",
        "group",
    ]
)
_CHINESE_FORMS: Final = re.compile(r"(股份)?有限(责任)?公司|集团|公司")
_LATIN_SPELLINGS: Final = (
    ("ksi", "x"),
    ("ks", "x"),
    ("kh", "h"),
    ("ts", "c"),
    ("yu", "iu"),
    ("ya", "ia"),
    ("y", "i"),
    ("j", "i"),
    ("w", "v"),
)


def script(text: str) -> str:
    """The script of most letters: LATIN, CYRILLIC, HAN, or OTHER."""
    counts = {"LATIN": 0, "CYRILLIC": 0, "HAN": 0, "OTHER": 0}
    for character in text:
        if character.isalpha():
            name = unicodedata.name(character, "")
            counts[
                "HAN"
                if name.startswith("CJK")
                else next((s for s in ("LATIN", "CYRILLIC") if name.startswith(s)), "OTHER")
            ] += 1
    return max(counts, key=lambda each: counts[each]) if any(counts.values()) else "LATIN"


def comparable(one: str, other: str) -> bool:
    """Whether letters can be compared: Latin and Cyrillic with one another, Chinese with Chinese only."""
    scripts = {script(one), script(other)}
    return scripts <= {"LATIN", "CYRILLIC"} or (len(scripts) == 1 and "OTHER" not in scripts)


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    if script(text) == "HAN":
        return [_CHINESE_FORMS.sub("", "".join(c for c in folded if c.isalnum()))]
    return sorted(in_latin(text))


def in_latin(text: str) -> list[str]:
    """The words of a name in Latin or Cyrillic, in their order, in one Latin spelling and without legal forms."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    latin = "".join(_CYRILLIC.get(c, c) for c in folded)
    latin = "".join(c for c in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(c))
    words = [word for word in re.findall(r"[a-z0-9]+", re.sub(r"['’`ʹ]", "", latin)) if word not in _FORMS]
    for spelling, one in _LATIN_SPELLINGS:
        words = [word.replace(spelling, one) for word in words]
    return words


def likeness(one: str, other: str) -> int:
    """How alike two names are, 0 to 100: twice the characters in common of all characters, words sorted."""
    a, b = " ".join(_words(one)), " ".join(_words(other))
    if not a or not b:
        return 0
    return round(SequenceMatcher(None, a, b, autojunk=False).ratio() * 100)
