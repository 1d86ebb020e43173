"""The one spelling of each object's id by which two partners mean the same thing."""

from __future__ import annotations

from functools import lru_cache

from schemas import railnet
from schemas.events.vocabulary import ObjectKind

_SEPARATORS = str.maketrans("", "", " -./\u00a0")
_BLANKS = str.maketrans("", "", " \u00a0")
_LOWER_SCHEMES = frozenset({"railnet", "crossing", "line"})
"""Place schemes of our own, in lower case; codes of all others are upper case."""


@lru_cache(maxsize=1 << 16)
def canonical_key(kind: ObjectKind, text: str) -> str:
    """The canonical spelling of the id ``text`` of an object of ``kind``; never refuses, whatever was written.

    Numbers of containers and wagons lose blanks and separators and are upper case; parts of composite ids are trimmed
    one by one. Text without the expected parts keeps its own spelling, so that the fact is kept under its own name.
    """
    if kind is ObjectKind.CONTAINER:
        return text.upper().translate(_SEPARATORS)
    if kind is ObjectKind.PLACE:
        return canonical_place(text)
    parts = [part.strip() for part in text.split("/")]
    if kind is ObjectKind.WAGON and len(parts) > 1:
        return f"{parts[0].upper()}/{''.join(parts[1:]).upper().translate(_SEPARATORS)}"
    if kind is ObjectKind.NOTE and len(parts) == 5 and parts[0].upper() == "CIM":
        parts[3] = parts[3].translate(_SEPARATORS)  # 70268-8 and 702688 are one number with its check digit
    if kind in (ObjectKind.NOTE, ObjectKind.DECLARATION, ObjectKind.WAGON):
        return "/".join(parts).upper().translate(_BLANKS)
    if kind is ObjectKind.TRAIN:
        return "/".join(
            (*(part.upper() for part in parts[:3]), *(canonical_place(part) for part in parts[3:]))
        )
    # Consignment and booking: the party's code and the party's own reference, whose case is its own.
    return "/".join((parts[0].lower(), *parts[1:]))


@lru_cache(maxsize=20_000)
def canonical_place(place: str) -> str:
    """``railnet:<id>`` where ``place`` is known, else its scheme and code in their usual case."""
    scheme, colon, code = place.strip().partition(":")
    if not colon:
        return scheme
    scheme = scheme.lower()
    return railnet.canonical(f"{scheme}:{code.lower() if scheme in _LOWER_SCHEMES else code.upper()}")
