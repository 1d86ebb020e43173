"""Whether a box may be handed over at a crossing, and what is still to be done, from what is known of its cargo. Pure.

What is needed follows from the two customs unions that meet there, not from the railways: leaving China needs the release of
the export, entering the EAEU prior information, entering the EU a summary declaration that was assessed.
"""

from __future__ import annotations

from collections.abc import Set
from enum import StrEnum

from schemas.events import catalogue
from schemas.events.base import Episode
from schemas.railnet import CustomsUnion, customs_union


class Blocker(StrEnum):
    """What keeps a box, as a dispatcher calls it."""

    RELEASE = "release"
    PRIOR_INFORMATION = "prior information"
    ENS = "ENS"
    TRANSLATION = "translation"
    SEAL = "seal"
    HELD = "held by customs"


Known = tuple[int, str]
"""A customs fact: number of the milestone, and the jurisdiction that it is of."""


def _number(name: str) -> int:
    return catalogue.spec(f"cre.customs.{name}.v1").number


RELEASED = frozenset({_number("released"), _number("exit_cleared")})
PRIOR_INFORMATION = _number("prior_information_lodged")
TRANSIT_OPENED = _number("transit_opened")
ENS_ASSESSED = _number("ens_assessed")
LOOKED_AT = frozenset({*RELEASED, PRIOR_INFORMATION, TRANSIT_OPENED, ENS_ASSESSED})
"""The facts that decide whether a box is ready."""

_BY_EPISODE = {
    Episode.SEAL_BROKEN: Blocker.SEAL,
    Episode.DOCUMENT_REJECTED: Blocker.TRANSLATION,
    Episode.DETAINED: Blocker.HELD,
    Episode.CUSTOMS_HELD: Blocker.HELD,
    Episode.INSPECTION: Blocker.HELD,
    Episode.DECLARATION_REJECTED: Blocker.HELD,
    Episode.ENS_REFERRED: Blocker.ENS,
}


def blockers(leaves: str, enters: str, known: Set[Known], troubles: Set[int]) -> tuple[Blocker, ...]:
    """What keeps a box from ``leaves`` to ``enters`` (ISO 3166 alpha-2), in the order of the work; () where it is ready.

    ``known`` are the facts about its cargo that count, ``troubles`` the episodes that stand open. A rejected document counts as
    a translation to be made: that is what is missing at a border in most cases, and the case says the exact reason.
    """
    found = {_BY_EPISODE[Episode(each)] for each in troubles if Episode(each) in _BY_EPISODE}
    before, behind = customs_union(leaves), customs_union(enters)
    if before is not behind:
        if before is CustomsUnion.CN and not _of(known, RELEASED, before):
            found.add(Blocker.RELEASE)
        needed = frozenset({PRIOR_INFORMATION, TRANSIT_OPENED})
        if behind is CustomsUnion.EAEU and not _of(known, needed, behind):
            found.add(Blocker.PRIOR_INFORMATION)
        if behind is CustomsUnion.EU and not _of(known, frozenset({ENS_ASSESSED}), behind):
            found.add(Blocker.ENS)
    return tuple(blocker for blocker in Blocker if blocker in found)


def _of(known: Set[Known], milestones: Set[int], union: CustomsUnion) -> bool:
    return any(number in milestones and customs_union(country) is union for number, country in known)
