"""The elements of declarations that are compared, by their numbers in the crosswalk: what papers and datasets state of each, in common terms.

Values are summed over the lines that stand for one another. What two sides write in forms that cannot be compared (names and descriptions in two
scripts) has no common key; a change of it is still seen, by what one side wrote before and after.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from services.trade.domain import values
from services.trade.domain.checks.amounts import CN_TERMS
from services.trade.domain.dataset import Dataset, DatasetLine
from services.trade.domain.finding import Rules
from services.trade.domain.paper import ChargeKind, Kind, Line, Paper, ReferenceKind, Role
from services.trade.domain.values import Field, minor_unit


@dataclass(frozen=True, slots=True)
class Stated:
    """What is stated of one element: ``key`` in terms common to both sides, ``own`` in those of the side; None where nothing is or can be compared."""

    fields: tuple[Field[Any], ...] = ()
    key: Hashable = None
    own: Hashable = None

    @property
    def written(self) -> str:
        """The values as written, each once."""
        return ", ".join(dict.fromkeys(each.written for each in self.fields))


Papers = Sequence[Paper]
Lines = Sequence[Line]
DatasetLines = Sequence[DatasetLine]


@dataclass(frozen=True, slots=True)
class Element:
    """One element: how it is read from the papers of a side or their lines, and from a dataset, for the form of a side.

    ``allowed`` gives the largest difference that is none, of two keys that are numbers, for so many lines.
    """

    number: str
    of_papers: Callable[[Papers], Stated] | None = None
    of_lines: Callable[[Lines], Stated] | None = None
    of_dataset: Callable[[Dataset, Kind], Hashable] | None = None
    of_dataset_lines: Callable[[Dataset, DatasetLines], Hashable] | None = None
    allowed: Callable[[Rules, int, Decimal], Decimal] | None = None
    optional_on: frozenset[Kind] = frozenset()
    """Declarations that need it for some goods or lines only: stated for none, it is not missing."""
    in_words: bool = False
    """Whether sides write it in scripts of their own, so that only equal texts say something."""

    def same(self, one: Hashable, other: Hashable, rules: Rules, lines: int) -> bool | None:
        """Whether two keys agree; None where they cannot be compared."""
        if one is None or other is None:
            return None
        if isinstance(one, Amounts) and isinstance(other, Amounts):
            allowed = self.allowed
            return one.agrees(
                other, lambda most: Decimal(0) if allowed is None else allowed(rules, lines, most)
            )
        if isinstance(one, Amounts) or isinstance(other, Amounts) or (self.in_words and one != other):
            return None
        return one == other


@dataclass(frozen=True, slots=True)
class Amounts:
    """Numbers by what they are of: a currency, the base of a unit, a level of packing; "" where nothing is named."""

    by: tuple[tuple[str, Decimal], ...]

    def agrees(self, other: Amounts, allowed: Callable[[Decimal], Decimal]) -> bool | None:
        """Whether all that both count agrees; None where they count nothing in common."""
        mine, theirs = dict(self.by), dict(other.by)
        common = set(mine) & set(theirs)
        if not common:
            return None
        return all(
            abs(mine[each] - theirs[each]) <= allowed(max(mine[each], theirs[each])) for each in common
        )


def amounts(pairs: Iterable[tuple[str, Decimal]]) -> Amounts | None:
    """The sums of ``pairs`` by their first; None of nothing."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for of, number in pairs:
        sums[of] += number
    return Amounts(tuple(sorted(sums.items()))) if sums else None


def _each(fields: Iterable[Field[Any] | None]) -> tuple[Field[Any], ...]:
    return tuple(each for each in fields if each is not None)


def _stated(fields: Iterable[Field[Any] | None], key: Callable[[Any], Hashable] | None = None) -> Stated:
    """Values as a set of keys; without ``key`` they are of one side's form only."""
    found = _each(fields)
    if not found:
        return Stated()
    own = frozenset(each.value if key is None else key(each.value) for each in found)
    return Stated(found, None if key is None else own, own)


def _summed(fields: Iterable[Field[Any] | None], of: str = "") -> Stated:
    """Numbers as their sum; not comparable where one of them is missing."""
    given = list(fields)
    found = _each(given)
    key = amounts((of, Decimal(each.value)) for each in found) if len(found) == len(given) else None
    return Stated(found, key, key)


def _identity(value: Any) -> Hashable:
    return value if isinstance(value, Hashable) else None


def _folded(text: str) -> str:
    return "".join(text.upper().split()).removeprefix("NO").lstrip(".№")


def _party(role: Role) -> Callable[[Papers], Stated]:
    def read(papers: Papers) -> Stated:
        found = [party for paper in papers if (party := paper.party(role)) is not None]
        fields = _each(field for party in found for field in (party.id, party.name))
        ids = frozenset(party.id.value for party in found if party.id)
        return Stated(fields, ids or None, ids or frozenset(each.value for each in fields) or None)

    return read


def _party_stated(role: Role) -> Callable[[Dataset, Kind], Hashable]:
    """The registered numbers of the parties of a role."""

    def read(dataset: Dataset, kind: Kind) -> Hashable:
        del kind
        return frozenset(each.number for each in dataset.parties if each.role is role) or None

    return read


def _reference(*kinds: ReferenceKind) -> Callable[[Papers], Stated]:
    def read(papers: Papers) -> Stated:
        own = [
            paper.number for paper in papers if ReferenceKind.INVOICE in kinds and paper.kind is Kind.INVOICE
        ]
        return _stated(
            [*own, *(each.number for paper in papers for each in paper.references if each.kind in kinds)],
            _folded,
        )

    return read


def _reference_stated(kind_of: ReferenceKind) -> Callable[[Dataset, Kind], Hashable]:
    def read(dataset: Dataset, kind: Kind) -> Hashable:
        del kind
        return frozenset(_folded(each.number) for each in dataset.papers if each.kind is kind_of) or None

    return read


def _terms(papers: Papers) -> Stated:
    found = _each(paper.terms for paper in papers)
    if not found:
        return Stated()
    return Stated(
        found,
        frozenset(CN_TERMS.get(each.value, each.value) for each in found),
        frozenset(each.value for each in found),
    )


def _terms_stated(dataset: Dataset, kind: Kind) -> Hashable:
    if not dataset.terms:
        return None
    return frozenset({CN_TERMS.get(dataset.terms, "?") if kind is Kind.CN_DECLARATION else dataset.terms})


def _charges(kind: ChargeKind, *more: ChargeKind) -> Callable[[Papers], Stated]:
    def read(papers: Papers) -> Stated:
        found = [each for paper in papers for one in (kind, *more) for each in paper.charged(one)]
        fields = _each(each.amount for each in found)
        if len(fields) != len(found):
            return Stated(_each(each.amount or each.share for each in found))
        key = amounts((each.value.currency, each.value.amount) for each in fields)
        return Stated(fields, key, key)

    return read


def _charges_stated(*kinds: ChargeKind) -> Callable[[Dataset, Kind], Hashable]:
    def read(dataset: Dataset, kind: Kind) -> Hashable:
        del kind
        return amounts((dataset.currency, each.amount) for each in dataset.charges if each.kind in kinds)

    return read


def _currency(papers: Papers) -> Stated:
    return _stated((each for paper in papers for each in (paper.currency, *paper.currencies)), _identity)


def _gross(papers: Papers) -> Stated:
    return _summed(
        field
        for paper in papers
        for field in ([paper.gross] if paper.gross else [line.gross for line in paper.lines])
    )


def _packages(papers: Papers) -> Stated:
    """Packages at the level that the paper names; one that names none is compared with any."""
    found = [each for paper in papers for each in paper.packages]
    fields = tuple(each.number for each in found)
    if not found:
        return Stated()
    levels = {each.level for each in found}
    total = sum(each.number.value for each in found)
    key = amounts([("PALLET" if levels == {"PALLET"} else "", Decimal(total))])
    return Stated(fields, key, key)


def _quantity(lines: Lines) -> Stated:
    fields = _each(line.quantity for line in lines)
    if not fields or any(not any(each.value.unit for each in line.quantities) for line in lines):
        return Stated(fields, None, tuple(each.written for each in fields) or None)
    bases = [
        {each.value.unit.base: each.value.in_base for each in reversed(line.quantities) if each.value.unit}
        for line in lines
    ]
    common = set.intersection(*(set(each) for each in bases))
    key = amounts((base, each[base]) for each in bases for base in common)
    return Stated(fields, key, key)


def _dataset_quantity(dataset: Dataset, lines: DatasetLines) -> Hashable:
    del dataset
    found = [(values.unit(each.unit, "REC20"), each.quantity) for each in lines]
    if any(unit is None for unit, _ in found):
        return None
    return amounts((unit.base, number * unit.factor) for unit, number in found if unit)


def _sum(member: str) -> Callable[[Dataset, DatasetLines], Hashable]:
    def read(dataset: Dataset, lines: DatasetLines) -> Hashable:
        del dataset
        found = [getattr(each, member) for each in lines]
        return None if None in found else amounts(("", Decimal(each)) for each in found)

    return read


def _dataset_packages(dataset: Dataset, lines: DatasetLines) -> Hashable:
    found = [each.packages for each in lines if each.packages is not None]
    level = "PALLET" if dataset.package_level == "PALLET" else ""
    return amounts((level, Decimal(each)) for each in found) if len(found) == len(lines) else None


def _money(lines: Lines) -> Stated:
    fields = _each(line.amount for line in lines)
    key = (
        amounts((each.value.currency, each.value.amount) for each in fields)
        if len(fields) == len(lines)
        else None
    )
    return Stated(fields, key, key)


def _kilograms_each(rules: Rules, lines: int, value: Decimal) -> Decimal:
    """Whole kilograms of the Chinese header, and what is rounded at each item."""
    del value
    return rules.tolerance("D18", "whole").value + rules.tolerance("D19", "per item").value * lines


def _half_kilograms(rules: Rules, lines: int, value: Decimal) -> Decimal:
    del value
    return rules.tolerance("D19", "per item").value * lines


def _cents(rules: Rules, lines: int, value: Decimal) -> Decimal:
    del value
    return rules.tolerance("D04", "per line").value * minor_unit("") * lines


def _net(rules: Rules, lines: int, value: Decimal) -> Decimal:
    del lines
    return rules.tolerance("D22", "share").value * value


_HS6: Final = 6

ELEMENTS: Final[Mapping[str, Element]] = {
    each.number: each
    for each in (
        Element("1", of_papers=lambda papers: _stated((paper.number for paper in papers), _identity)),
        Element("3", of_papers=_party(Role.CONSIGNOR), of_dataset=_party_stated(Role.CONSIGNOR), in_words=True),
        Element("5", of_papers=_party(Role.CONSIGNEE), of_dataset=_party_stated(Role.CONSIGNEE), in_words=True),
        Element("8", of_papers=_reference(ReferenceKind.CONTRACT), of_dataset=_reference_stated(ReferenceKind.CONTRACT),
                optional_on=frozenset({Kind.EAEU_TRANSIT})),
        Element("9", of_papers=_reference(ReferenceKind.INVOICE), of_dataset=_reference_stated(ReferenceKind.INVOICE)),
        Element("10", of_papers=_reference(ReferenceKind.TRANSPORT), of_dataset=_reference_stated(ReferenceKind.TRANSPORT)),
        Element("13", of_papers=lambda papers: _stated((paper.trade_country for paper in papers), _identity)),
        Element("17", of_papers=_terms, of_dataset=_terms_stated),
        Element("18", of_papers=_charges(ChargeKind.FREIGHT), of_dataset=_charges_stated(ChargeKind.FREIGHT)),
        Element("19", of_papers=_charges(ChargeKind.INSURANCE, ChargeKind.OTHER),
                of_dataset=_charges_stated(ChargeKind.INSURANCE, ChargeKind.OTHER)),
        Element("20", of_papers=_currency, of_dataset=lambda dataset, _: frozenset({dataset.currency})),
        Element("21", of_lines=_money, of_dataset_lines=lambda dataset, lines: amounts((dataset.currency, each.amount) for each in lines),
                allowed=_cents),
        Element("21v", of_lines=lambda lines: _summed(line.customs_value for line in lines)),
        Element("22", of_papers=lambda papers: _stated((paper.rate for paper in papers), _identity)),
        Element("24", of_lines=lambda lines: _stated((line.code for line in lines), lambda code: code.hs6),
                of_dataset_lines=lambda _, lines: frozenset(each.code.hs6 for each in lines)),
        Element("24n", of_lines=lambda lines: _stated((line.code for line in lines), lambda code: code.digits[_HS6:])),
        Element("25", of_lines=lambda lines: _stated(line.description for line in lines),
                of_dataset_lines=lambda _, lines: frozenset(each.description for each in lines), in_words=True),
        Element("27", of_lines=lambda lines: _stated((line.origin for line in lines), _identity),
                of_dataset_lines=lambda _, lines: frozenset(each.origin for each in lines)),
        Element("29", of_papers=_gross, of_dataset_lines=_sum("gross"), allowed=_kilograms_each),
        Element("30", of_lines=lambda lines: _summed(line.gross for line in lines), of_dataset_lines=_sum("gross"), allowed=_half_kilograms),
        Element("31", of_lines=lambda lines: _summed(line.net for line in lines), of_dataset_lines=_sum("net"), allowed=_net,
                optional_on=frozenset({Kind.CN_DECLARATION})),  # the head has it; a line where it is counted in kilograms
        Element("33", of_lines=_quantity, of_dataset_lines=_dataset_quantity),
        Element("34", of_papers=_packages, of_dataset_lines=_dataset_packages),
        Element("37", of_papers=lambda papers: _stated((each for paper in papers for each in paper.boxes), _identity),
                of_dataset=lambda dataset, _: frozenset(dataset.boxes) or None),
        Element("39", of_papers=lambda papers: _stated((each for paper in papers for each in paper.seals), _identity)),
        Element("44", of_papers=lambda papers: _stated((paper.day for paper in papers), _identity)),
    )
}  # fmt: skip
"""The elements that the readers give, in the order of the crosswalk."""


def crosswalk_number(element: str) -> int:
    """The number in the crosswalk of an element, of which some are read in two parts (``24n``: the national digits)."""
    return int("".join(filter(str.isdigit, element)))
