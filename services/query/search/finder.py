"""The objects behind what was typed, with the consignments that facts about them reach. Decides nothing about who may see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from schemas.events.base import ObjectKind
from services.domain.objects import ObjectId, Thing
from services.ledger.storage.arrays import adapt, smallints, uuids
from services.ledger.storage.event_reader import limit_work_memory
from services.ledger.storage.term_numbers import term_number
from services.query.search import statement
from services.query.search.parser import (
    LEAST_BEGINNING,
    MOST_CHARACTERS,
    Beginning,
    Candidate,
    Match,
    ParsedSearch,
)

MOST_NAMES = 200
"""Names that are looked at for each beginning."""
MOST_MEANT = 600
"""Objects whose consignments are looked for, the surest first."""
MOST_HITS = 20
MOST_SHOWN = 5
"""Consignments of one hit."""
MOST_LOOKED_AT = 60
"""Consignments that are looked at for one search, whether they may be seen or not."""
SCOPE = (
    f"Containers, wagons, trains, notes, declarations, bookings and consignments, in the first {MOST_CHARACTERS:,} characters of the text; "
    f"by a beginning (from {LEAST_BEGINNING} characters on) the first {MOST_NAMES} names in their order, in all the surest {MOST_MEANT} objects: more "
    "characters find more."
)
"""What a search looks at, whatever it finds: the same words for everybody."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object that was meant by ``candidate``, and the canonical ids of the consignments that it belongs to.

    Those come first in which the party that searches is engaged.
    """

    candidate: Candidate
    consignments: tuple[ObjectId, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """An object that was meant by ``candidate``, with the references of some of its consignments."""

    candidate: Candidate
    consignments: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """The hit as JSON-ready data."""
        meant = self.candidate
        return {
            "kind": meant.thing.kind.name,
            "id": meant.thing.key,
            "typed": meant.typed,
            "match": str(meant.match),
            "certainty": str(meant.match.certainty),
            "consignments": list(self.consignments),
        }


Reference = Callable[[ObjectId, ObjectKind], str | None]
"""The reference of a consignment where whoever searches may see it and its objects of a kind; None where not."""


def best(found: Iterable[Found], reference: Reference) -> list[Hit]:
    """At most MOST_HITS hits with a consignment that may be seen, the surest first.

    A number that differs by one character from what was typed is a hit only where the same words name nothing surely. What may not be
    seen has no part in that.
    """
    hits: list[Hit] = []
    named: list[frozenset[str]] = []
    looked = 0
    for each in found:
        words = frozenset(each.candidate.typed.split())
        if each.candidate.match is Match.ONE_CHARACTER and any(words & sure for sure in named):
            continue
        shown: list[str] = []
        for consignment in each.consignments:
            if looked >= MOST_LOOKED_AT or len(shown) >= MOST_SHOWN:
                break
            looked += 1
            known = reference(consignment, each.candidate.thing.kind)
            if known is not None and known not in shown:
                shown.append(known)
        if shown:
            hits.append(Hit(each.candidate, tuple(shown)))
            if each.candidate.match not in (Match.ONE_CHARACTER, Match.BEGINS):
                named.append(words)
        if len(hits) >= MOST_HITS or looked >= MOST_LOOKED_AT:
            break
    return hits


def find(session: Connection[Any], search: ParsedSearch, party: str = "") -> list[Found]:
    """What of ``search`` belongs to a consignment, the surest first, of equals those of ``party``: the code of whoever searches.

    Three statements in the caller's transaction.
    """
    adapt(session)
    limit_work_memory(session)
    meant: dict[Thing, Candidate] = {each.thing: each for each in search.candidates}
    for each in _named(session, search.beginnings):
        known = meant.get(each.thing)
        if known is None or each.match.rank < known.match.rank:
            meant[each.thing] = each
    surest = sorted(meant.values(), key=lambda each: each.match.rank)[:MOST_MEANT]
    things = {each.thing.id: each.thing for each in surest}
    parameters = {
        "ids": uuids(list(things)),
        "kinds": smallints([int(thing.kind) for thing in things.values()]),
        "party": term_number(party),
    }
    reached: dict[Thing, list[ObjectId]] = {}
    own: set[Thing] = set()
    for root, consignment, engaged in session.execute(statement("reached"), parameters, binary=True):
        reached.setdefault(things[root], []).append(consignment)
        if engaged:
            own.add(things[root])
    found = [Found(meant[thing], tuple(consignments)) for thing, consignments in reached.items()]
    return sorted(
        found,
        key=lambda each: (each.candidate.match.rank, each.candidate.thing not in own, each.candidate.thing),
    )


def _named(session: Connection[Any], beginnings: Iterable[Beginning]) -> list[Candidate]:
    """The objects whose names are, or begin with, one of ``beginnings``."""
    begun = {each.folded: each for each in beginnings}
    if not begun:
        return []
    parameters = {
        "beginnings": list(begun),
        "lasts": [each.last for each in begun.values()],
        "most": MOST_NAMES,
    }
    return [
        Candidate(Thing(ObjectKind(kind), key), _match(begun[by].typed, key, spelled == by), begun[by].typed)
        for by, kind, key, spelled in session.execute(statement("begun_names"), parameters, binary=True)
    ]


def _match(typed: str, key: str, whole: bool) -> Match:
    if not whole:
        return Match.BEGINS
    return Match.EXACT if _plain(typed) in _plain(key) else Match.LOOK_ALIKE


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text.upper()))
