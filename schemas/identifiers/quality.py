"""Quality flags of the ids on objects: what to doubt about a fact that is accepted all the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache

from schemas import railnet
from schemas.identifiers import (
    cim_note,
    country,
    eaeu_declaration,
    gacc_declaration,
    iso6346,
    mrn,
    smgs_note,
    station1520,
    unlocode,
    wagon,
)
from schemas.identifiers.check_digit import CheckDigit, Identifier
from schemas.identifiers.form import MalformedIdentifier


@lru_cache(maxsize=1 << 16)
def flags(kind: str, id: str) -> tuple[str, ...]:
    """Stable flags ``<scheme>.<what>`` of the object ``kind`` (wire name) and ``id``; never raises.

    ``check_digit``: well-formed, but the check digit disagrees. ``form``: not of the scheme's form. ``unknown``: a place that
    railnet does not have. ``trap``: a UN/LOCODE that misleads. ``jurisdiction``: a declaration under what is no country.
    Empty where there is nothing to doubt, or nothing is known to check.
    """
    check = _CHECKS.get(kind)
    return () if check is None else tuple(check(id))


def _judge(scheme: str, parse: Callable[[str], Identifier], text: str) -> Iterator[str]:
    try:
        wrong = parse(text).check is CheckDigit.WRONG
    except MalformedIdentifier:
        yield f"{scheme}.form"
    else:
        if wrong:
            yield f"{scheme}.check_digit"


def _container(id: str) -> Iterator[str]:
    return _judge("iso6346", iso6346.parse, id)


def _wagon(id: str) -> Iterator[str]:
    schemes = {"UIC": "uic_wagon", "1520": "wagon1520", "CN": "cn_wagon"}
    return _judge(schemes.get(id.partition("/")[0].strip().upper(), "wagon"), wagon.parse, id)


_OWN_NUMBER = re.compile(r"LRN(/[^/]+){2}", re.IGNORECASE)
"""A declaration before customs gave it a number: ``country/LRN/declarant/LRN``."""


def _declaration(id: str) -> Iterator[str]:
    jurisdiction, slash, number = id.partition("/")
    jurisdiction = jurisdiction.strip().upper()
    if not slash:
        yield "declaration.form"
        return
    if jurisdiction not in country.CODES:
        yield "declaration.jurisdiction"
    if _OWN_NUMBER.fullmatch(number.strip()):
        return
    match railnet.customs_union(jurisdiction):
        case railnet.CustomsUnion.CN:
            yield from _judge("gacc_declaration", gacc_declaration.parse, number)
        case railnet.CustomsUnion.EAEU:
            yield from _judge("eaeu_declaration", eaeu_declaration.parse, number)
        case railnet.CustomsUnion.EU:
            yield from _judge("mrn", mrn.parse, number)


def _note(id: str) -> Iterator[str]:
    if id.lstrip()[:4].upper() == "CIM/":
        yield from _judge("cim_note", cim_note.parse, id)
        return
    yield from _judge("smgs_note", smgs_note.parse, id)
    parts = [part.strip() for part in id.split("/")]
    if len(parts) == 5 and len(parts[2]) == 6 and parts[2].isdigit() and _is_eaeu(parts[1].upper()):
        yield from _judge("station1520", station1520.parse, parts[2])


def _place(id: str) -> Iterator[str]:
    """A code that is malformed or misleading is not looked for: that it is unknown says no more."""
    doubts = tuple(_place_code(id))
    scheme, _, code = id.strip().partition(":")
    if doubts or scheme not in _LISTED or _is_listed(scheme, code):
        return iter(doubts)
    return iter(("place.unknown",))


def _place_code(id: str) -> Iterator[str]:
    scheme, _, code = id.strip().partition(":")
    if scheme == "esr":
        yield from _judge("station1520", station1520.parse, code)
    elif scheme == "locode":
        yield from _judge("unlocode", unlocode.parse, code)
        misleading = railnet.trap(f"locode:{code}")
        if misleading is not None and misleading.use and misleading.kind is not railnet.TrapKind.TWICE:
            yield "unlocode.trap"


_OWN = frozenset({"railnet", "crossing"})
_LISTED = _OWN | {"esr", "locode", "plc", "uic", "telecode"}
"""Schemes of which railnet has the codes; of lines and TMIS it has none."""


def _is_listed(scheme: str, code: str) -> bool:
    spelled = f"{scheme}:{code.lower() if scheme in _OWN else code.upper()}"
    return bool(railnet.candidates(spelled)) or railnet.crossing(spelled) is not None


def _train(id: str) -> Iterator[str]:
    """A train is one run: company, number and service date, and the origin where the sender knows it."""
    parts = [part.strip() for part in id.split("/")]
    if len(parts) not in (3, 4) or not all(parts) or not _is_day(parts[2]):
        yield "train.form"


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _is_eaeu(country: str) -> bool:
    return railnet.customs_union(country) is railnet.CustomsUnion.EAEU


_CHECKS: dict[str, Callable[[str], Iterator[str]]] = {
    "container": _container,
    "wagon": _wagon,
    "declaration": _declaration,
    "note": _note,
    "place": _place,
    "train": _train,
}
