"""What the store must equal: the core over all facts at once, in the spelling of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from services.domain.derive import derive
from services.domain.evidence import canonical_consignment, consignment_groups, founding_parties
from services.domain.explanations import Ways
from services.domain.facts import FOREVER, Claim, ClaimGroup, Facts, GroupedFacts, Link, LinkGroup, LinkKind
from services.domain.head import RUNNING, Head, Stage, head, train_head
from services.domain.links import Network, spans
from services.domain.liveness import judge
from services.domain.objects import Thing
from services.domain.relevance import IndexedFacts, relevant
from services.domain.view import Arrival, ClaimStatus, View
from services.ledger.storage import event_reader
from services.ledger.storage.batch import Event
from services.ledger.storage.event_reader import Stored
from services.ledger.storage.term_numbers import split_id, term_number


def stage_of(stage: Stage | None) -> tuple[int, int, int, int, int] | None:
    """A core stage in the spelling of rows: happened, milestone, place, and the two halves of the event."""
    return (
        None
        if stage is None
        else (stage.at, stage.milestone, term_number(stage.place), *split_id(stage.event))
    )


def expected_head(found: Head) -> dict[str, Any]:
    return {
        "boxes": found.boxes,
        "behind": found.behind,
        "disputes": found.disputes,
        "exceptions": found.exceptions,
        "movement": stage_of(found.movement),
        "cn": stage_of(found.customs[0]),
        "eaeu": stage_of(found.customs[1]),
        "eu": stage_of(found.customs[2]),
        "other": stage_of(found.customs[3]),
        "document": stage_of(found.document),
    }


def stored_heads(session: psycopg.Connection[Any], ids: Iterable[bytes]) -> dict[bytes, dict[str, Any]]:
    """Rows of founded heads by consignment, stages as in ``stage_of``."""
    cursor = session.execute(
        "SELECT cons::text, boxes, behind, disputes, exceptions, movement, cn, eaeu, eu, other, document"
        " FROM lianyun.head WHERE founded AND cons = ANY (%s::uuid[])",
        ([i.hex() for i in ids],),
    )
    names = [column.name for column in cursor.description or ()]
    found = {}
    for row in cursor.fetchall():
        values = dict(zip(names, row, strict=True))
        cons = bytes.fromhex(values.pop("cons").replace("-", ""))
        found[cons] = {
            name: (value[0], value[4], value[5], value[2], value[3]) if isinstance(value, list) else value
            for name, value in values.items()
        }
    return found


def core_heads(facts: Facts, consignments: Sequence[Thing]) -> dict[bytes, dict[str, Any]]:
    expected = {}
    for cons in consignments:
        found = head(facts, cons)
        if found is not None:
            expected[found.consignment.id] = expected_head(found)
    return expected


def core_canonical(facts: Facts) -> dict[bytes, bytes]:
    liveness = judge(facts.withdrawals, facts.equivocated)
    founded = founding_parties(f for f in facts.foundings if liveness.live(f.event))
    network = Network(link for link in facts.links if liveness.live(link.event))
    grouped = consignment_groups(founded, network.same)
    return {
        thing.id: canonical_consignment(members).id for thing, members in grouped.items() if len(members) > 1
    }


def core_trains(facts: Facts, trains: Sequence[Thing]) -> dict[bytes, tuple[Any, ...]]:
    """Milestone, position and open exceptions of each train."""
    liveness = judge(facts.withdrawals, facts.equivocated)
    expected = {}
    for train in trains:
        told = train_head(c for c in facts.claims if c.thing == train and liveness.live(c.event))
        expected[train.id] = (_claim_stage(told.milestone), _claim_stage(told.position), told.exceptions)
    return expected


def _claim_stage(claim: Claim | None) -> Any:
    if claim is None:
        return None
    return (claim.happened, claim.milestone, term_number(claim.place), *split_id(claim.event))


def stored_trains(session: psycopg.Connection[Any], trains: Sequence[Thing]) -> dict[bytes, tuple[Any, ...]]:
    rows = session.execute(
        "SELECT train::text, milestone, position, exceptions FROM lianyun.train_head WHERE train = ANY (%s::uuid[])",
        ([t.id.hex() for t in trains],),
    ).fetchall()

    def stage(value: Any) -> Any:
        return None if value is None else (value[0], value[4], value[5], value[2], value[3])

    return {bytes.fromhex(t.replace("-", "")): (stage(m), stage(p), e) for t, m, p, e in rows}


def stored_dead(session: psycopg.Connection[Any], ids: Iterable[bytes]) -> set[bytes]:
    rows = session.execute(
        "SELECT id::text FROM lianyun.dead WHERE id = ANY (%s::uuid[])", ([i.hex() for i in ids],)
    ).fetchall()
    return {bytes.fromhex(row[0].replace("-", "")) for row in rows}


def stored_ends(session: psycopg.Connection[Any], facts: Facts) -> dict[tuple[Any, ...], int]:
    rows = session.execute(
        "SELECT i.id::text, l.kind, l.left_id::text, l.right_id::text, l.until FROM lianyun.link l"
        " JOIN lianyun.identity i ON i.no = l.no WHERE l.carried IS NOT NULL AND i.id = ANY (%s::uuid[])",
        ([link.event.hex() for link in facts.links],),
    ).fetchall()

    def raw(text: str) -> bytes:
        return bytes.fromhex(text.replace("-", ""))

    return {(raw(e), kind, raw(left), raw(right)): until for e, kind, left, right, until in rows}


def core_ends(facts: Facts) -> dict[tuple[Any, ...], int]:
    liveness = judge(facts.withdrawals, facts.equivocated)
    live: list[Link] = [link for link in facts.links if liveness.live(link.event)]
    timed = (LinkKind.CONTAINER_CARRIES, LinkKind.WAGON_CARRIES, LinkKind.TRAIN_CARRIES)
    return {
        (s.link.event, int(s.link.kind), s.link.left.id, s.link.right.id): s.end
        for s in spans(live)
        if s.link.kind in timed
    }


def same(what: str, found: Any, expected: Any) -> None:
    """Fail with both sides where they differ."""
    if found != expected:
        raise AssertionError(f"{what}: the store has\n  {found}\nthe core says\n  {expected}")


def assert_equal_to_core(
    dsn: str, facts: Facts, consignments: Sequence[Thing], trains: Sequence[Thing]
) -> None:
    """The settled store of ``facts`` is what the core computes from them."""
    liveness = judge(facts.withdrawals, facts.equivocated)
    events = {event for event, _ in facts.contents} | {w.target for w in facts.withdrawals}
    with psycopg.connect(dsn) as session:
        same("dead events", stored_dead(session, events), liveness.dead)
        ends, stored = core_ends(facts), stored_ends(session, facts)
        same("ends of links", {key: stored.get(key) for key in ends}, ends)
        rows = session.execute(
            "SELECT cons::text, canonical::text FROM lianyun.canonical WHERE cons = ANY (%s::uuid[])",
            ([c.id.hex() for c in consignments],),
        ).fetchall()
        grouped = {a.replace("-", ""): b.replace("-", "") for a, b in rows}
        expected = {a.hex(): b.hex() for a, b in core_canonical(facts).items()}
        same(
            "groups",
            {a: grouped.get(a, a) for a in {*grouped, *expected}},
            expected | {a: a for a in {*grouped} - {*expected}},
        )
        heads = stored_heads(session, [c.id for c in consignments])
        same("heads", heads, core_heads(facts, consignments))
        told, found = core_trains(facts, trains), stored_trains(session, trains)
        same("trains", {t: found.get(t, (None, None, 0)) for t in told}, told)


def _told(view: View | None, events: Sequence[Stored]) -> View | None:
    """The view with only those superseded running positions that are among the ``events``; all else must be there."""
    if view is None:
        return None
    loaded = {event.id for event in events}

    def listed(arrival: Arrival) -> bool:
        optional = arrival.claim.milestone == RUNNING and arrival.status is not ClaimStatus.COUNTED
        return arrival.claim.event in loaded or not optional

    return replace(view, arrivals=tuple(filter(listed, view.arrivals)))


MOMENTS = (5 * 1_800_000_000, 10**13, FOREVER)


def assert_readers_see_enough(
    dsn: str, events: Sequence[Event], consignments: Sequence[Thing], sparsely: Sequence[int] = MOMENTS[1:2]
) -> None:
    """What is loaded for a consignment gives the same view as all events together, at several moments.

    At those of ``sparsely`` also what is loaded without superseded running positions, but for their being listed.
    """
    facts = Facts.union(event.facts for event in events)
    stated = {(event.id, event.content): event.facts for event in events}
    with psycopg.connect(dsn) as session:
        for cons in consignments:
            loaded = event_reader.load_facts(session, [cons.id])
            known = Facts.union(stated[e.id, e.content] for e in loaded)
            for as_of in sorted({*MOMENTS, *sparsely}):
                whole = derive(facts, cons, as_of)
                same(f"view of {cons} at {as_of}", derive(known, cons, as_of), whole)
                concerning = relevant([IndexedFacts(_grouped(stated[e.id, e.content])) for e in loaded], cons)
                same(f"view of {cons} at {as_of} of what concerns it", derive(concerning, cons, as_of), whole)
                if as_of not in sparsely:
                    continue
                fewer = event_reader.load_facts(session, [cons.id], as_of)
                told = derive(Facts.union(stated[e.id, e.content] for e in fewer), cons, as_of)
                same(f"view of {cons} at {as_of} without what was superseded", told, _told(whole, fewer))


def _grouped(facts: Facts) -> GroupedFacts:
    return GroupedFacts(
        tuple(ClaimGroup(claim, frozenset({claim.thing})) for claim in facts.claims),
        tuple(LinkGroup(link, [(link.left, link.right)]) for link in facts.links),
        facts._replace(claims=frozenset(), links=frozenset()),
    )


def assert_explained_as_the_core_explains(dsn: str, events: Sequence[Event], as_of: int) -> None:
    """What is read of each object that is claimed about gives the same reasons as all events do."""
    facts = Facts.union(event.facts for event in events)
    stated = {(event.id, event.content): event.facts for event in events}
    whole = Ways(facts)
    with psycopg.connect(dsn) as session:
        for thing in sorted({claim.thing for claim in facts.claims}):
            loaded = event_reader.events_about(session, thing.kind, thing.key, as_of)
            ways = Ways(Facts.union(stated[each.id, each.content] for each in loaded))
            same(f"reasons of {thing}", ways.unreached(thing, as_of), whole.unreached(thing, as_of))
