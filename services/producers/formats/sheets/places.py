"""Stations in partners' spellings: names in five languages, short forms, bureau suffixes, ESR codes without leading zeros."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from schemas import railnet
from schemas.identifiers import MalformedIdentifier, station1520
from schemas.identifiers.check_digit import CheckDigit
from services.producers.formats.sheets import labels, qualifiers
from services.producers.formats.sheets.grid import Scalar
from services.producers.formats.sheets.labels import fold, fold_cell
from services.producers.formats.sheets.quantities import plain

_CODE_IN_BRACKETS = re.compile(r"[(\[]\s*([0-9]{4,6})\s*[)\]]")
_IN_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]?")
_LOCODE = re.compile(r"[A-Z]{5}")
_SCRIPTS = re.compile(
    r"[\u2e80-\u9fff\uf900-\ufaff]+|[\u0400-\u04ff][\u0400-\u04ff .\-0-9I]*|[A-Za-z\u00c0-\u017f][^\u0400-\u9fff]*"
)
_COUNTRY = re.compile(
    r"[\u4e00-\u9fff]局?|[\u4e00-\u9fff]{2,4}局|中国|哈国|哈萨克斯坦|俄国|俄罗斯|白俄罗斯|波兰|德国|蒙古|乌兹别克斯坦|[A-Z]{2}|[А-ЯЁ]{2,5}"
)
_TRAILING = re.compile(r"(口岸站|口岸|国境站|站)$")


def find(value: Scalar | None) -> str | None:
    """The place that a cell names, ``railnet:``, ``esr:``, ``locode:`` or ``crossing:``; None where it is not known."""
    text = plain(value)
    if not text:
        return None
    return _code(text, isinstance(value, float)) if text.isdigit() else _named(text)


def station(place: str | None) -> railnet.Station | None:
    """The station of a place that ``find`` gave."""
    return None if place is None else railnet.resolve(place)


def crossing_between(first: str | None, second: str | None) -> railnet.Crossing | None:
    """The crossing whose two sides these places are, in either order."""
    a, b = station(first), station(second)
    if a is None or b is None:
        return None
    pair = railnet.crossing_of_pair().get((a.id, b.id)) or railnet.crossing_of_pair().get((b.id, a.id))
    return None if pair is None else railnet.crossings()[pair]


@lru_cache(maxsize=20_000)
def _named(text: str) -> str | None:
    coded = _CODE_IN_BRACKETS.search(text)
    if coded:
        # A station that is known by its code alone; its name may be any, but nothing that turns it.
        return None if qualifiers.found(_CODE_IN_BRACKETS.sub(" ", text)) else _code(coded[1], False)
    beside = _IN_BRACKETS.findall(text)
    if any(qualifiers.found(each) or not _beside_a_name(each.strip("()[] ")) for each in beside):
        return None
    bare = _IN_BRACKETS.sub("", text).strip(" \t\n:：,，;；")
    whole = _name(text) or _name(bare)
    if whole is not None:
        return whole
    if _LOCODE.fullmatch(bare.upper()) and railnet.resolve(f"locode:{bare.upper()}") is not None:
        return f"locode:{bare.upper()}"
    for parts in (re.split(r"\s*[/、-]\s*", bare), _SCRIPTS.findall(bare)):
        known = [_name(part) for part in parts if part.strip()]
        if len(known) > 1 and all(place is not None for place in known):
            return _of_several([place for place in known if place is not None])
    return None


def _beside_a_name(text: str) -> bool:
    """Whether brackets after a name hold a bureau, a country or the name again, and so add nothing."""
    return not text or _COUNTRY.fullmatch(text) is not None or _name(text) is not None


def _of_several(known: list[str]) -> str | None:
    """A place named twice is that place; the two sides of a border are their crossing; anything else is ambiguous."""
    if len(set(known)) == 1:
        return known[0]
    crossing = crossing_between(known[0], known[1]) if len(set(known)) == 2 else None
    return None if crossing is None else crossing.place


def _name(text: str) -> str | None:
    found = _names().get(fold_cell(text)) or _names().get(fold_cell(_TRAILING.sub("", text.strip())))
    return f"railnet:{found}" if found else None


@lru_cache(maxsize=20_000)
def _code(digits: str, from_number: bool) -> str | None:
    """A station code of the 1520 network; one stored as a number may have lost its leading zeros."""
    candidates = list(_complete(digits))
    if from_number and len(digits) < 6 and checks(digits.zfill(6)):
        candidates.insert(0, f"esr:{digits.zfill(6)}")
    elif from_number and len(digits) < 5:
        candidates += _complete(digits.zfill(5))
    known = [place for place in candidates if railnet.resolve(place) is not None]
    if known:
        return known[0]
    return candidates[0] if candidates else None


def checks(digits: str) -> bool:
    """Whether six digits are a station code whose check digit agrees."""
    try:
        return station1520.parse(digits).check is CheckDigit.OK
    except MalformedIdentifier:
        return False


def _complete(digits: str) -> Iterator[str]:
    try:
        if len(digits) == 6:
            yield f"esr:{digits}"
        elif len(digits) == 5:
            yield f"esr:{station1520.complete(digits)}"
        elif len(digits) == 4:
            yield from _by_prefix().get(digits, (f"esr:{station1520.complete(digits + '0')}",))
    except MalformedIdentifier:
        return


@cache
def _by_prefix() -> Mapping[str, tuple[str, ...]]:
    """Codes in railnet by their first four digits, as a train index names stations; only where they are one station."""
    found: dict[str, set[tuple[str, str]]] = {}
    for each in railnet.stations().values():
        for code in (each.esr, *each.esr_border):
            if code:
                found.setdefault(code[:4], set()).add((each.id, code))
    return MappingProxyType(
        {
            prefix: tuple(f"esr:{code}" for _, code in sorted(codes))
            for prefix, codes in found.items()
            if len({id for id, _ in codes}) == 1
        }
    )


@cache
def _names() -> Mapping[str, str]:
    found: dict[str, set[str]] = {}
    for each in railnet.stations().values():
        for name in each.names:
            for spelling in _spellings(name or ""):
                found.setdefault(fold(spelling), set()).add(each.id)
    names = {spelling: ids.copy().pop() for spelling, ids in found.items() if spelling and len(ids) == 1}
    names.update({fold(row["name"]): row["place"] for row in labels.rows("places")})
    return MappingProxyType(names)


def _spellings(name: str) -> Iterator[str]:
    yield name
    yield _IN_BRACKETS.sub("", name.replace("（", "(").replace("）", ")"))
    if "/" in name:
        yield from name.split("/")
