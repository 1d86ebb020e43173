"""The facts of one event as rows of the state, packed for binary COPY but for the event's number.

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
from services.core.facts import FOREVER, SINCE_EVER, TIMED, Claim, Facts, Founding, Link, Withdrawal
from services.core.head import UNIONS
from services.core.links import carried
from services.core.objects import object_id
from services.core.rules import SECOND, rules
from services.storage.arrays import bigints
from services.storage.words import halves, letters, slot_word, word

NO_TOLERANCE = -1
MOVEMENT, CUSTOMS, DOCUMENT = 1, 2, 6
"""Parts of a head that a claim can move: movement, the first of the customs unions, document; 0 is none."""

_DEAD = b"\x00\x00\x00\x01\x01"
_ALIVE = b"\x00\x00\x00\x01\x00"
_NULL = b"\xff\xff\xff\xff"
_LENGTH = struct.Struct(">i").pack
_CLAIM = struct.Struct(">" + "iq" * 7 + "i16s" + "ii" + "ih" * 6 + "i?").pack
_LINK_TIMES = struct.Struct(">iq").pack
_LINK = struct.Struct(">" + "iq" * 2 + "i16s" * 2).pack
_LINK_KIND = struct.Struct(">" + "ih" * 2 + "i?" * 2).pack
_FOUNDING = struct.Struct(">iqi16s").pack
_WITHDRAWAL = struct.Struct(">i16si16si?").pack
_MENTION = struct.Struct(">i16s").pack
_NUMBER = struct.Struct(">hiq").pack
_COLUMNS = {"claim": 18, "link": 14, "founding": 5, "withdrawal": 4, "mention": 2, "passing": 2}
_MORTAL = frozenset({"claim", "link", "founding"})


class StateRows(NamedTuple):
    """The rows of one event by table, and what the batch has to know about them.

    ``structural``: it holds links or foundings; ``withdraws``: it corrects or retracts; ``of_trains``: it has claims
    about trains; ``reaching``: it has claims that may reach consignments other than by train; ``only_claims``: it has no
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
    claims, terms = [], []
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
        structural=bool(facts.links or facts.foundings),
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


def part(claim: Claim) -> int:
    """Which part of a head the claim can move, 0 where none."""
    if claim.classifier is not Classifier.ACT or not rules()[claim.milestone].moves:
        return 0
    if claim.region is Region.MOVEMENT:
        return MOVEMENT
    if claim.region is Region.CUSTOMS:
        return CUSTOMS + UNIONS.index(railnet.customs_union(claim.jurisdiction))
    return DOCUMENT if claim.region is Region.DOCUMENT else 0


def _claim(claim: Claim) -> bytes:
    rule = rules()[claim.milestone]
    high, low = halves(claim.event)
    slot = slot_word(
        claim.region,
        claim.jurisdiction,
        claim.milestone,
        claim.place,
        claim.occurrence,
        claim.classifier,
    )
    tolerance = NO_TOLERANCE if rule.tolerance is None else rule.tolerance // SECOND
    episode = rule.episode if claim.classifier is Classifier.ACT else 0
    return _CLAIM(
        8, claim.happened, 8, claim.published, 8, high, 8, low, 8, slot, 8, word(claim.place),
        8, word(claim.publisher), 16, claim.thing.id, 4, tolerance, 2, letters(claim.jurisdiction),
        2, claim.milestone, 2, episode, 2, claim.thing.kind, 2, part(claim), 2, claim.assurance,
        1, claim.territorial,
    )  # fmt: skip


def _link(link: Link) -> bytes:
    left, right = link.left.id, link.right.id
    if link.kind in TIMED:
        start, until = link.start, FOREVER if link.end is None else link.end
        end = _NULL if link.end is None else _LINK_TIMES(8, link.end)
        held = _MENTION(16, left if carried(link) is link.left else right)
    else:
        start, until, end, held = SINCE_EVER, FOREVER, _NULL, _NULL
    return b"".join(
        (
            _LINK_TIMES(8, start),
            end,
            _LINK(8, until, 8, word(link.publisher), 16, left, 16, right),
            held,
            _LINK_KIND(2, link.kind, 2, link.right.kind, 1, link.territorial, 1, link.shared),
            _names(link.names),
        )
    )


def _founding(founding: Founding) -> bytes:
    return _FOUNDING(8, word(founding.publisher), 16, founding.consignment.id) + _names(founding.names)


def _withdrawal(withdrawal: Withdrawal) -> bytes:
    return _WITHDRAWAL(16, withdrawal.event, 16, withdrawal.target, 1, withdrawal.replaces)


@lru_cache(maxsize=10_000)
def _names(names: frozenset[str]) -> bytes:
    packed = bigints(sorted(word(name) for name in names))
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
