"""How alike two deals are that share no key: the features that they have in common, scored by a published, versioned table.

Features are compared by keyed digests, so nothing of the other deal is known or shown but which features are alike and how near.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

TABLE = Path(__file__).with_name("resemblance.toml")


class Feature(StrEnum):
    """What two deals have in common; see ``resemblance.toml`` for what each means."""

    PARTIES_SAME = "PARTIES_SAME"
    AMOUNT_EQUAL = "AMOUNT_EQUAL"
    AMOUNT_WITHIN_5_PERCENT = "AMOUNT_WITHIN_5_PERCENT"
    NUMBER_ONE_CHARACTER = "NUMBER_ONE_CHARACTER"
    NUMBER_NEIGHBOUR = "NUMBER_NEIGHBOUR"
    ISSUED_SAME_DAY = "ISSUED_SAME_DAY"
    ISSUED_WITHIN_5_DAYS = "ISSUED_WITHIN_5_DAYS"
    GOODS_SAME = "GOODS_SAME"
    BOX_SAME = "BOX_SAME"
    VALUE_NOT_COVERED = "VALUE_NOT_COVERED"


_WEAKER = {
    Feature.AMOUNT_EQUAL: Feature.AMOUNT_WITHIN_5_PERCENT,
    Feature.ISSUED_SAME_DAY: Feature.ISSUED_WITHIN_5_DAYS,
}
"""By a feature: what it implies, and what is not counted beside it."""


class Resemblance(NamedTuple):
    """What is alike, as it is shown and recorded: kind, features in common, points by which version of the table, and with how many."""

    kind: str
    features: tuple[str, ...]
    points: int
    table: str
    deals: int = 1

    def __str__(self) -> str:
        return f"{self.kind} {','.join(self.features)} {self.points} {self.table} {self.deals}"

    @classmethod
    def parse(cls, text: str) -> Resemblance:
        """The resemblance that is written as ``str`` writes it."""
        kind, features, points, table, deals = text.split(" ")
        return cls(kind, tuple(filter(None, features.split(","))), int(points), table, int(deals))

    def covers(self, other: Resemblance) -> bool:
        """Whether who looked at this one has looked at ``other``: the same, with as many or fewer."""
        return other == self._replace(deals=other.deals) and other.deals <= self.deals


@dataclass(frozen=True, slots=True)
class Scoring:
    """The points of each feature, and from how many on people have to look."""

    version: str
    review_from: int
    points: Mapping[Feature, int]

    def of(self, kind: str, features: Iterable[Feature]) -> Resemblance:
        """What ``features`` amount to; of a stronger and a weaker one of a sort the stronger counts."""
        found = set(features)
        found -= {_WEAKER[feature] for feature in found if feature in _WEAKER}
        return Resemblance(
            kind, tuple(sorted(found)), sum(self.points[feature] for feature in found), self.version
        )


def read_scoring(text: str) -> Scoring:
    """The table in ``text`` (TOML); ValueError or KeyError where it is not one, or leaves a feature out."""
    table = tomllib.loads(text)
    given = {Feature(name): int(points) for name, points in table["points"].items()}
    missing = sorted(set(Feature) - given.keys())
    if missing:
        raise KeyError(f"without points: {missing}")
    return Scoring(table["version"], int(table["review_from"]), MappingProxyType(given))


@cache
def scoring() -> Scoring:
    """The table that this release decides by."""
    return read_scoring(TABLE.read_text(encoding="utf-8"))
