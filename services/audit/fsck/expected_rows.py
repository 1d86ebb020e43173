"""The state rows that one event must have, written out from its facts, and the comparison with those that are stored.

Deliberately a second implementation beside ``services.ledger.storage.rows``, which packs the same rows for COPY: each is the
oracle of the other, so that a fault in the packing is found like any other damage.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from schemas import railnet
from schemas.events.base import Classifier, ObjectKind, Region
from services.audit.report import Difference, compare_fields
from services.domain.facts import FREEING, SINCE_EVER, TIMED, Claim, Facts, Founding, Link
from services.domain.head import UNIONS
from services.domain.links import carried
from services.domain.objects import object_id
from services.domain.rules import SECOND, rules
from services.ledger.storage.term_numbers import country_number, slot_number, split_id, term_number

Values = tuple[Any, ...]

FIELDS: dict[str, tuple[str, ...]] = {
    "claim": (
        "object", "happened", "published", "event_hi", "event_lo", "slot", "place", "stop", "publisher",
        "tolerance", "jurisdiction", "milestone", "episode", "kind", "part", "assurance", "territorial",
    ),
    "link": (
        "kind", "left_id", "right_id", "start_at", "end_at", "publisher", "carried", "right_kind", "territorial",
        "shared", "names",
    ),
    "founding": ("cons", "publisher", "names"),
    "withdrawal": ("event", "target", "replaces"),
    "mention": ("object",),
    "passing": ("object",),
}  # fmt: skip
"""Columns of each table that follow from the event alone; the first KEYS of them identify a row."""
KEYS = {"claim": 1, "link": 3, "founding": 1, "withdrawal": 1, "mention": 1, "passing": 1}
MORTAL = ("claim", "link", "founding")
"""Tables whose rows have a flag for whether the event counts."""


def expected_rows(facts: Facts) -> Iterator[tuple[str, Values]]:
    """(table, values in the order of FIELDS) of each row that ``facts`` of one event have."""
    for claim in facts.claims:
        yield "claim", _claim(claim)
    for link in facts.links:
        yield "link", _link(link)
    for founding in facts.foundings:
        yield "founding", _founding(founding)
    for withdrawal in facts.withdrawals:
        yield "withdrawal", (withdrawal.event, withdrawal.target, withdrawal.replaces)
    for about in _mentioned(facts):
        yield "mention", (about,)
    for place in {place for route in facts.routes for place in _passed(route.places)}:
        yield "passing", (object_id(ObjectKind.PLACE, place),)


def comparable(columns: Iterable[object]) -> Values:
    """Columns of a stored row as they compare with expected ones: arrays as tuples."""
    return tuple(tuple(value) if isinstance(value, list) else value for value in columns)


def stage(happened: int, published: int, event: bytes, milestone: int, place: str | None) -> tuple[int, ...]:
    """A stage of a head as it is stored; ``place`` is the number of a term, the name of a place at a border, or empty."""
    number = int(place or 0) if not place or place.lstrip("-").isdigit() else term_number(place)
    return happened, published, *split_id(event), milestone, number


def terms(facts: Facts) -> set[str]:
    """The texts that the rows carry as numbers."""
    texts = {claim.place for claim in facts.claims}
    texts |= {claim.publisher for claim in facts.claims}
    for link in facts.links:
        texts |= {link.publisher, *link.names}
    for founding in facts.foundings:
        texts |= {founding.publisher, *founding.names}
    return texts - {""}


def _claim(claim: Claim) -> Values:
    rule = rules()[claim.milestone]
    act = claim.classifier is Classifier.ACT
    slot = slot_number(
        claim.region, claim.jurisdiction, claim.milestone, claim.place, claim.occurrence, claim.classifier
    )
    return (
        claim.thing.id,
        claim.happened,
        claim.published,
        *split_id(claim.event),
        slot,
        term_number(claim.place),
        term_number(claim.stop or claim.place),
        term_number(claim.publisher),
        -1 if rule.tolerance is None else rule.tolerance // SECOND,
        country_number(claim.jurisdiction),
        claim.milestone,
        rule.episode if act else 0,
        int(claim.thing.kind),
        _part(claim) if act and rule.moves else 0,
        int(claim.assurance),
        claim.territorial,
    )


def _part(claim: Claim) -> int:
    match claim.region:
        case Region.MOVEMENT:
            return 1
        case Region.CUSTOMS:
            return 2 + UNIONS.index(railnet.customs_union(claim.jurisdiction))
        case Region.DOCUMENT:
            return 6
        case _:
            return 0


def _link(link: Link) -> Values:
    timed = link.kind in TIMED
    return (
        int(link.kind),
        link.left.id,
        link.right.id,
        link.start if timed or link.kind in FREEING else SINCE_EVER,
        link.end if timed else None,
        term_number(link.publisher),
        carried(link).id if timed else None,
        int(link.right.kind),
        link.territorial,
        link.shared,
        tuple(sorted(map(term_number, link.names))),
    )


def _founding(founding: Founding) -> Values:
    return (
        founding.consignment.id,
        term_number(founding.publisher),
        tuple(sorted(map(term_number, founding.names))),
    )


def _passed(places: tuple[str, ...]) -> set[str]:
    """The places of a route and the border crossings between them."""
    return {*places, *(f"crossing:{name}" for name in railnet.crossings_on(places))}


def _mentioned(facts: Facts) -> set[bytes]:
    return {
        *(route.thing.id for route in facts.routes),
        *(object_id(ObjectKind.PLACE, restriction.place) for restriction in facts.restrictions),
        *(lifting.restriction for lifting in facts.liftings),
    }


def compare_rows(table: str, stored: Sequence[Values], expected: Sequence[Values]) -> Iterator[Difference]:
    """The differences between the stored and the expected rows of one event, paired by their first KEYS columns."""
    if len(stored) == len(expected) == 1 and stored[0] == expected[0]:
        return
    surplus = Counter(stored)
    surplus.subtract(expected)
    left = list(surplus.elements())
    missing = list((-surplus).elements())
    keys = KEYS[table]
    waiting: dict[Values, list[Values]] = defaultdict(list)
    for values in missing:
        waiting[values[:keys]].append(values)
    alone: list[Values] = []
    for values in left:
        partners = waiting[values[:keys]]
        if partners:
            yield from _fields(table, values, partners.pop(0))
        else:
            alone.append(values)
    rest = [values for partners in waiting.values() for values in partners]
    # A row whose key itself was changed is the one that has lost its partner, where only one has.
    while len(alone) == 1 and len(rest) == 1:
        yield from _fields(table, alone.pop(), rest.pop())
    for values in alone:
        yield Difference(_named(table, values), "row", _shown(table, values), "no row")
    for values in rest:
        yield Difference(_named(table, values), "row", "missing", _shown(table, values))


def _fields(table: str, stored: Values, expected: Values) -> Iterator[Difference]:
    found, right = (dict(zip(FIELDS[table], values, strict=True)) for values in (stored, expected))
    return compare_fields(_named(table, expected), found, right)


def _named(table: str, values: Values) -> str:
    names = FIELDS[table][: KEYS[table]]
    return " ".join(f"{name} {_text(value)}" for name, value in zip(names, values, strict=False))


def _shown(table: str, values: Values) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in zip(FIELDS[table], values, strict=True))


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
