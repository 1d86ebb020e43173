"""Numbers of one declaration: the declarant's own and that of customs, one declaration where a signed event states both.

Numbers are one declaration only where a single statement names all of them and they are of one jurisdiction. Statements that overlap
and of which none names the whole (one own number tied to two of customs) are a question: nothing of them is joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from services.trade.domain.in_step_pair import connected

_OWN: Final = "LRN"
"""The second part of a declarant's own number: ``country/LRN/declarant/number``."""


class Numbers(NamedTuple):
    """``names``: of each number of a declaration that has several the one that it goes by; ``unclear``: numbers that may be one."""

    names: Mapping[str, str] = {}
    unclear: tuple[tuple[str, ...], ...] = ()

    def also(self, declaration: str) -> tuple[str, ...]:
        """The further numbers of a declaration."""
        return tuple(
            sorted(each for each, of in self.names.items() if of == declaration and each != declaration)
        )


def is_own(number: str) -> bool:
    """Whether ``number`` is a declarant's own, by its form."""
    return number.split("/")[1:2] == [_OWN]


def numbers_of(statements: Iterable[frozenset[str]]) -> Numbers:
    """The declarations with several numbers by ``statements``, each of which names numbers of one; the same of any order and any copies.

    A declaration goes by the number of customs; of several by the first in order.
    """
    stated = {each for each in statements if len(each) > 1}
    names: dict[str, str] = {}
    unclear = []
    for part in connected((min(each), other) for each in stated for other in each - {min(each)}):
        if part in stated and len({number.partition("/")[0] for number in part}) == 1:
            known_by = min(part, key=lambda number: (is_own(number), number))
            names |= dict.fromkeys(sorted(part), known_by)
        else:
            unclear.append(tuple(sorted(part)))
    return Numbers(names, tuple(sorted(unclear)))


def given_number(numbers: frozenset[str]) -> frozenset[str]:
    """What an acceptance about ``numbers`` states to be one declaration: an own number and the one that customs gave it; else nothing."""
    own = {each for each in numbers if is_own(each)}
    return numbers if len(numbers) == 2 and len(own) == 1 else frozenset()
