"""The objects that an identifier may name, likeliest first."""

from __future__ import annotations

import re

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from schemas.identifiers import MalformedIdentifier, eaeu_declaration, gacc_declaration, iso6346, mrn
from services.domain.objects import Thing

_EAEU = ("RU", "KZ", "BY", "KG", "AM")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NOTES = ("SMGS", "CIM", "CIMSMGS")


def candidates(text: str) -> tuple[Thing, ...]:
    """The objects that ``text`` may name; empty where it has the form of none.

    ``kind:id`` says the kind outright (``train:ktz/1402/2025-09-12/esr:708403``). Pure.
    """
    wanted = text.strip()
    kind, colon, rest = wanted.partition(":")
    if colon and kind.upper() in ObjectKind.__members__:
        return (_thing(ObjectKind[kind.upper()], rest),)
    if _is(iso6346.parse, wanted):
        return (_thing(ObjectKind.CONTAINER, wanted),)
    if _is(mrn.parse, wanted):
        return (_thing(ObjectKind.DECLARATION, f"{wanted[2:4].upper()}/{wanted}"),)
    if _is(gacc_declaration.parse, wanted):
        return (_thing(ObjectKind.DECLARATION, f"CN/{wanted}"),)
    if _is(eaeu_declaration.parse, wanted):
        return tuple(_thing(ObjectKind.DECLARATION, f"{country}/{wanted}") for country in _EAEU)
    parts = wanted.split("/")
    if parts[0].upper() in _NOTES:
        return (_thing(ObjectKind.NOTE, wanted),)
    dated = len(parts) > 2 and _DAY.fullmatch(parts[2]) is not None  # a TAF train tells no origin
    if dated or len(parts) >= 4:
        # A declarant's own number (PL/LRN/holder/reference) and one of the Eurasian union have as many parts as a train.
        kinds = (ObjectKind.TRAIN, ObjectKind.DECLARATION)
        return tuple(_thing(kind, wanted) for kind in (kinds if dated else reversed(kinds)))
    if len(parts) >= 2:
        return tuple(
            _thing(kind, wanted)
            for kind in (ObjectKind.CONSIGNMENT, ObjectKind.BOOKING, ObjectKind.WAGON, ObjectKind.DECLARATION)
        )
    return ()


def _thing(kind: ObjectKind, text: str) -> Thing:
    return Thing(kind, canonical_key(kind, text))


def _is(parse: object, text: str) -> bool:
    try:
        parse(text)  # type: ignore[operator]
    except MalformedIdentifier:
        return False
    return True
