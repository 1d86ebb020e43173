"""What rows say reaches a consignment is what the core's own walks say of the facts behind them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events.base import ObjectKind
from services.domain.evidence import GroupEvidence, canonical_consignment, group_evidence
from services.domain.facts import FOREVER, FREEING, SINCE_EVER, TIMED, Facts, Founding, Link
from services.domain.links import RIDES, Path, Span, spans
from services.domain.objects import Thing
from services.ledger.storage.reachability import FoundingRow, LinkRow, Reach, derive_structure
from services.ledger.storage.term_numbers import term_number
from tests.support.profile import rounds
from tests.support.storage.cast import PARTIES, Objects, event_id
from tests.support.storage.strategies import founding, freeing, links

EXAMPLES = settings(max_examples=rounds(60, 300), deadline=None)
OBJECTS = Objects("reach/")


@st.composite
def structures(draw: st.DrawFn) -> Facts:
    """Foundings and links of few parties about few objects; every other word is a founding's at most."""
    said = []
    for number, founds in enumerate(draw(st.lists(st.sampled_from((False, False, True)), max_size=16))):
        publisher = PARTIES[number % len(PARTIES)]
        stated = founding if founds else draw(st.sampled_from((links, links, freeing)))
        said.append(draw(stated(OBJECTS, event_id(OBJECTS.salt, number), publisher)))
    return Facts.union(said)


def founding_row(founding: Founding) -> FoundingRow:
    return (
        founding.consignment.id,
        term_number(founding.publisher),
        [term_number(name) for name in founding.names],
    )


def link_row(span: Span) -> LinkRow:
    link = span.link
    timed = link.kind in TIMED or link.kind in FREEING
    return (
        int(link.kind), link.left.id, link.right.id, link.start if timed else SINCE_EVER, span.end,
        term_number(link.publisher), link.territorial, [term_number(name) for name in link.names], link.end is None,
    )  # fmt: skip


def derived(facts: Facts, consignments: Sequence[Thing]) -> tuple[dict[bytes, Reach], dict[bytes, bytes]]:
    rows = [link_row(span) for span in spans(facts.links) if span.link.kind not in RIDES]
    structure = derive_structure([c.id for c in consignments], map(founding_row, facts.foundings), rows)
    return {reach.cons: reach for reach in structure.reaches}, dict(structure.canonical)


def ways(reach: Reach) -> list[tuple[bytes, int, int]]:
    return list(zip(reach.objects, reach.starts, reach.untils, strict=True))


def moments(links: frozenset[Link]) -> list[int]:
    """Every moment at which something begins or ends, and those beside it."""
    turns = {turn for span in spans(links) for turn in (span.start, span.end)}
    turns |= {link.start for link in links}
    return sorted({at + beside for at in turns | {SINCE_EVER, FOREVER - 1} for beside in (-1, 0, 1)})


def held_by(paths: Sequence[Path]) -> set[bytes]:
    boxes = [path for path in paths if path.thing.kind is ObjectKind.CONTAINER]
    return {box.thing.id for box in boxes if box.assigned(FOREVER)} or {box.thing.id for box in boxes}


def check(reach: Reach, gathered: GroupEvidence, links: frozenset[Link]) -> None:
    assert reach.founded
    assert list(reach.engaged) == sorted(map(term_number, gathered.engaged))
    assert list(reach.parts) == sorted(thing.id for thing in gathered.parts)
    counted = [path for path in gathered.paths if path.counted and not path.by_train]
    assert list(reach.held) == sorted(held_by(counted))
    found = ways(reach)
    assert found == sorted(found)
    for (thing, _, until), (after, start, _) in pairwise(found):
        assert thing != after or until < start
    for at in moments(links):
        expected = {path.thing.id for path in counted if path.holds(at)}
        assert {thing for thing, start, until in found if start <= at < until} == expected


@EXAMPLES
@given(facts=structures())
def test_rows_are_walked_as_the_core_walks_facts(facts: Facts) -> None:
    consignments = OBJECTS.consignments
    reaches, canonicals = derived(facts, consignments)
    assert sorted(reaches) == sorted(canonicals) == sorted(c.id for c in consignments)
    for cons in consignments:
        gathered = group_evidence(facts, cons, FOREVER)
        members = gathered.members if gathered else {cons}
        assert canonicals[cons.id] == canonical_consignment(members).id
        if gathered is not None and canonicals[cons.id] == cons.id:
            check(reaches[cons.id], gathered, facts.links)
        else:
            assert reaches[cons.id] == Reach(cons.id)
