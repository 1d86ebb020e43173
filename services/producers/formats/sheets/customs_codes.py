"""Status codes of customs and of the systems around it: what a code says, inside its own system only.

The same digit means other things in the next system. Codes whose sources contradict one another (``conflict``) or that
were inferred (``guess``) say nothing until the partner declares what they mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from services.producers.formats.sheets import facts
from services.producers.formats.sheets.labels import fold, fold_cell


@dataclass(frozen=True, slots=True)
class Code:
    """One code; ``says`` is an event's name (``held:OTHER`` with its reason) or ``none:`` and why it makes no event."""

    system: str
    code: str
    text: str
    says: str
    meaning: str
    certainty: str

    @property
    def sure(self) -> bool:
        """Whether its meaning may be taken without the partner's word."""
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
    return tuple(Code(**row) for row in facts.rows("customs_codes"))


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
