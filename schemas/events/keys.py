"""The one spelling of each object's id by which two partners mean the same thing."""

from __future__ import annotations

from functools import lru_cache

from schemas import railnet
from schemas.events.vocabulary import ObjectKind

_SEPARATORS = str.maketrans("", "", " -./\u00a0")


@lru_cache(maxsize=200_000)
def canonical_key(kind: ObjectKind, text: str) -> str:
    """The canonical spelling of the id ``text`` of an object of ``kind``; never refuses, whatever was written.

    Containers and numbers of wagons lose blanks and separators and are upper case; parts of composite ids are trimmed
    one by one. Text that does not have the expected parts is only trimmed, so that the fact is kept under its own name.
    """
    trimmed = text.strip()
    if kind is ObjectKind.CONTAINER:
        return trimmed.upper().translate(_SEPARATORS)
    if kind is ObjectKind.PLACE:
        return canonical_place(trimmed)
    parts = [part.strip() for part in trimmed.split("/")]
    if kind is ObjectKind.WAGON and len(parts) > 1:
        return f"{parts[0].upper()}/{''.join(parts[1:]).upper().translate(_SEPARATORS)}"
    if kind in (ObjectKind.NOTE, ObjectKind.DECLARATION, ObjectKind.WAGON):
        return "/".join(parts).upper()
    if kind is ObjectKind.TRAIN:
        return "/".join(
            (*(part.upper() for part in parts[:3]), *(canonical_place(part) for part in parts[3:]))
        )
    # Consignment and booking: the party's code and the party's own reference, whose case is its own.
    return "/".join((parts[0].lower(), *parts[1:]))


def canonical_place(place: str) -> str:
    """The railnet id of ``place`` where it is known, else the text as written."""
    station = railnet.resolve(place)
    return place if station is None else f"railnet:{station.id}"
