"""The facts of one event as rows of the state, packed for binary COPY without the event's number.

Every state table begins with ``no`` and those that can die end with ``dead``; so a row is packed once, before the
transaction, and completed with its number when that is known.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from schemas import railnet
from schemas.events.base import Classifier, ObjectKind, Region
from services.domain.facts import (
    FOREVER,
    FREEING,
    SINCE_EVER,
    TIMED,
    Claim,
    Facts,
    Founding,
    Link,
    LinkKind,
    Withdrawal,
)
from services.domain.head import UNIONS
from services.domain.links import carried
from services.domain.objects import object_id
from services.domain.rules import SECOND, rules
from services.ledger.storage.arrays import bigints
from services.ledger.storage.term_numbers import country_number, slot_number, split_id, term_number

NO_TOLERANCE = -1
MOVEMENT, CUSTOMS, DOCUMENT = 1, 2, 6
"""Parts of a head that a claim can move: movement, the first of the customs unions, document; 0 is none."""

_DEAD = b"\x00\x00\x00\x01\x01"
_ALIVE = b"\x00\x00\x00\x01\x00"
_NULL = b"\xff\xff\xff\xff"
_LENGTH = struct.Struct(">i").pack
_WHEN = struct.Struct(">" + "iq" * 4).pack
_WHICH = struct.Struct(">" + "iq" * 3).pack
_OBJECT = (16).to_bytes(4, "big")
_RULED = struct.Struct(">ii" + "ih" * 3).pack
_CLAIM_END = struct.Struct(">" + "ih" * 3 + "i?").pack
_OPEN = struct.Struct(">iqiiq").pack
_ENDED = struct.Struct(">iqiqiq").pack
_UNTIMED = _OPEN(8, SINCE_EVER, -1, 8, FOREVER)
_KIND = struct.Struct(">" + "ih" * 2 + "i?" * 2).pack
_WORD = struct.Struct(">iq").pack
_WITHDRAWAL = struct.Struct(">i16si16si?").pack
_MENTION = struct.Struct(">i16s").pack
_NUMBER = struct.Struct(">hiq").pack
_COLUMNS = {"claim": 19, "link": 14, "founding": 5, "withdrawal": 4, "mention": 2, "passing": 2}
_MORTAL = frozenset({"claim", "link", "founding"})


class StateRows(NamedTuple):
    """The rows of one event by table, and the properties that the batch transaction needs.

    ``structural``: it holds links or foundings, other than that something was unloaded, on which no row depends; ``withdraws``:
    it corrects or retracts; ``of_trains``: it has claims about trains; ``reaching``: it has claims that may reach consignments other than by train; ``only_claims``: it has no
    other rows. ``terms`` are the texts that rows carry as numbers, with repetitions.
    """

    claim: Sequence[bytes]
    of_trains: bool
    reaching: bool
    terms: Sequence[str]
    link: Sequence[bytes] = ()
    founding: Sequence[bytes] = ()
    withdrawal: Sequence[bytes] = ()
    mention: Sequence[bytes] = ()
    passing: Sequence[bytes] = ()
    structural: bool = False
    withdraws: bool = False
    only_claims: bool = True


def state_rows(facts: Facts) -> StateRows:
    """Pack ``facts`` of one event. KeyError, ValueError or struct.error where they do not fit the tables."""
    claims: list[bytes] = []
    terms: list[str] = []
    of_trains = reaching = False
    for claim in facts.claims:
        claims.append(_claim(claim))
        terms.append(claim.publisher)
        if claim.place:
            terms.append(claim.place)
        kind = claim.thing.kind
        if kind in _REACHING:
            reaching = True
        elif kind is ObjectKind.TRAIN:
            of_trains = True
    if not (facts.links or facts.foundings or facts.withdrawals or facts.routes) and not (
        facts.restrictions or facts.liftings
    ):
        return StateRows(claims, of_trains, reaching, terms)  # most events
    for link in facts.links:
        terms += (link.publisher, *link.names)
    for founding in facts.foundings:
        terms += (founding.publisher, *founding.names)
    return StateRows(
        claims,
        of_trains,
        reaching,
        terms,
        link=[_link(link) for link in facts.links],
        founding=[_founding(founding) for founding in facts.foundings],
        withdrawal=[_withdrawal(withdrawal) for withdrawal in facts.withdrawals],
        mention=[_MENTION(16, about) for about in _mentioned(facts)],
        passing=[_MENTION(16, place) for place in _passed(facts)],
        structural=bool(facts.foundings) or any(link.kind is not LinkKind.UNLOADED for link in facts.links),
        withdraws=bool(facts.withdrawals),
        only_claims=False,
    )


_REACHING = frozenset(
    {
        ObjectKind.CONSIGNMENT,
        ObjectKind.BOOKING,
        ObjectKind.NOTE,
        ObjectKind.CONTAINER,
        ObjectKind.DECLARATION,
    }
)


def completed(table: str, rows: Iterable[bytes], no: int, dead: bool) -> Iterable[bytes]:
    """The rows of ``table`` for event number ``no``, ready for COPY."""
    start = _NUMBER(_COLUMNS[table], 8, no)
    end = (_DEAD if dead else _ALIVE) if table in _MORTAL else b""
    return [start + row + end for row in rows]


def _claim(claim: Claim) -> bytes:
    (
        event, publisher, published, happened, (kind, key), milestone, region, jurisdiction, place, occurrence,
        classifier, assurance, territorial, stop, _,
    ) = claim  # fmt: skip
    high, low = split_id(event)
    which, ruled, moved = _slot(region, jurisdiction, milestone, place, occurrence, classifier, stop)
    return b"".join(
        (
            _WHEN(8, happened, 8, published, 8, high, 8, low),
            which,
            _publisher(publisher),
            _OBJECT,
            object_id(kind, key),
            ruled,
            _CLAIM_END(2, kind, 2, moved, 2, assurance, 1, territorial),
        )
    )


@lru_cache(maxsize=1 << 14)
def _slot(
    region: Region,
    jurisdiction: str,
    milestone: int,
    place: str,
    occurrence: str,
    classifier: Classifier,
    stop: str,
) -> tuple[bytes, bytes, int]:
    """The columns of a claim that depend on its slot and stop alone: slot, place and stop, the rule's values, and the part of a head that it moves."""
    rule = rules()[milestone]
    slot = slot_number(region, jurisdiction, milestone, place, occurrence, classifier)
    tolerance = NO_TOLERANCE if rule.tolerance is None else rule.tolerance // SECOND
    episode = rule.episode if classifier is Classifier.ACT else 0
    return (
        _WHICH(8, slot, 8, term_number(place), 8, term_number(stop or place)),
        _RULED(4, tolerance, 2, country_number(jurisdiction), 2, milestone, 2, episode),
        part(region, jurisdiction, milestone, classifier),
    )


def part(region: Region, jurisdiction: str, milestone: int, classifier: Classifier) -> int:
    """Which part of a head such a claim can move, 0 where none."""
    if classifier is not Classifier.ACT or not rules()[milestone].moves:
        return 0
    if region is Region.MOVEMENT:
        return MOVEMENT
    if region is Region.CUSTOMS:
        return CUSTOMS + UNIONS.index(railnet.customs_union(jurisdiction))
    return DOCUMENT if region is Region.DOCUMENT else 0


def _link(link: Link) -> bytes:
    left, right = object_id(*link.left), object_id(*link.right)
    times, held = _UNTIMED, _NULL
    if link.kind in FREEING:
        times = _OPEN(8, link.start, -1, 8, FOREVER)
    elif link.kind in TIMED:
        start, end = link.start, link.end
        times = _OPEN(8, start, -1, 8, FOREVER) if end is None else _ENDED(8, start, 8, end, 8, end)
        held = _OBJECT + (left if carried(link) is link.left else right)
    flags = _KIND(2, link.kind, 2, link.right.kind, 1, link.territorial, 1, link.shared)
    return b"".join(
        (times, _publisher(link.publisher), _OBJECT, left, _OBJECT, right, held, flags, _names(link.names))
    )


def _founding(founding: Founding) -> bytes:
    cons = _OBJECT + object_id(*founding.consignment)
    return _publisher(founding.publisher) + cons + _names(founding.names)


def _withdrawal(withdrawal: Withdrawal) -> bytes:
    return _WITHDRAWAL(16, withdrawal.event, 16, withdrawal.target, 1, withdrawal.replaces)


@lru_cache(maxsize=10_000)
def _publisher(publisher: str) -> bytes:
    return _WORD(8, term_number(publisher))


@lru_cache(maxsize=10_000)
def _names(names: frozenset[str]) -> bytes:
    packed = bigints(sorted(term_number(name) for name in names))
    return _LENGTH(len(packed)) + packed


def _mentioned(facts: Facts) -> set[bytes]:
    return {
        *(route.thing.id for route in facts.routes),
        *(object_id(ObjectKind.PLACE, restriction.place) for restriction in facts.restrictions),
        *(lifting.restriction for lifting in facts.liftings),
    }


def _passed(facts: Facts) -> set[bytes]:
    places: set[str] = set()
    for route in facts.routes:
        places |= {*route.places, *(f"crossing:{name}" for name in railnet.crossings_on(route.places))}
    return {object_id(ObjectKind.PLACE, place) for place in places}
