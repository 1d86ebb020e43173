"""UN/LOCODEs that mislead: wrong entries, airports, places entered twice or under another country."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from schemas.railnet.model import Certainty
from schemas.railnet.table import many, rows


class TrapKind(StrEnum):
    """Why a UN/LOCODE misleads; all but OTHER_PLACE still mean the place that people expect."""

    AIRPORT = "airport"
    NOT_LISTED = "not_listed"
    OTHER_COUNTRY = "other_country"
    TWICE = "twice"
    SPELLING = "spelling"
    SHARED = "shared"
    COORDINATES = "coordinates"
    LOOKS_LIKE = "looks_like"
    OTHER_PLACE = "other_place"


@dataclass(frozen=True, slots=True)
class LocodeTrap:
    """A wrong or misleading UN/LOCODE, and the codes to use instead."""

    locode: str
    kind: TrapKind
    use: tuple[str, ...]
    reading: str
    certainty: Certainty
    sources: tuple[str, ...]


@cache
def locode_traps() -> Mapping[str, LocodeTrap]:
    """Every misleading UN/LOCODE by code."""
    return MappingProxyType(
        {
            row["locode"]: LocodeTrap(
                locode=row["locode"],
                kind=TrapKind(row["kind"]),
                use=many(row["use"]),
                reading=row["reading"],
                certainty=Certainty(row["certainty"]),
                sources=many(row["sources"]),
            )
            for row in rows("locode_traps")
        }
    )
