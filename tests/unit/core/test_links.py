"""Effective ends and paths of links, by hand."""

from __future__ import annotations

from schemas.events.base import ObjectKind
from services.domain.facts import FOREVER, SINCE_EVER, Link, LinkKind
from services.domain.links import Network, spans
from services.domain.objects import Thing

BOX = Thing(ObjectKind.CONTAINER, "CSQU3054383")
ONE, TWO = (Thing(ObjectKind.CONSIGNMENT, f"op/{n}") for n in (1, 2))
NOTE, NEW_NOTE = (Thing(ObjectKind.NOTE, f"SMGS/CN/X/{n}/2025") for n in (1, 2))
DECLARATION = Thing(ObjectKind.DECLARATION, "CN/123")


def link(
    kind: LinkKind,
    left: Thing,
    right: Thing,
    start: int,
    end: int | None = None,
    by: str = "op",
    shared: bool = False,
) -> Link:
    event = repr((kind, left, right, start, end, by)).encode()[:16].ljust(16)
    return Link(event, by, 0, kind, left, right, start, end, False, shared)


def intervals(*links: Link) -> dict[tuple[str, int], int]:
    return {(span.link.right.key, span.start): span.end for span in spans(links)}


def test_an_open_end_stops_at_the_next_start_of_the_same_publisher() -> None:
    first, second = (
        link(LinkKind.CONTAINER_CARRIES, BOX, ONE, 10),
        link(LinkKind.CONTAINER_CARRIES, BOX, TWO, 20),
    )
    assert intervals(second, first) == {("op/1", 10): 20, ("op/2", 20): FOREVER}


def test_another_publisher_or_an_equal_start_ends_nothing() -> None:
    first = link(LinkKind.CONTAINER_CARRIES, BOX, ONE, 10)
    same_start = link(LinkKind.CONTAINER_CARRIES, BOX, TWO, 10)
    stranger = link(LinkKind.CONTAINER_CARRIES, BOX, TWO, 20, by="other")
    assert set(intervals(first, same_start, stranger).values()) == {FOREVER}


def test_an_explicit_end_stands() -> None:
    first = link(LinkKind.CONTAINER_CARRIES, BOX, ONE, 10, 50)
    assert intervals(first, link(LinkKind.CONTAINER_CARRIES, BOX, TWO, 20))["op/1", 10] == 50


def test_documents_are_not_timed() -> None:
    (span,) = spans([link(LinkKind.NOTE_COVERS, NOTE, ONE, 10, 20)])
    assert (span.start, span.end) == (SINCE_EVER, FOREVER)


def test_a_declaration_reaches_through_the_new_note_and_the_old_one() -> None:
    network = Network(
        [
            link(LinkKind.NOTE_COVERS, NOTE, ONE, 0),
            link(LinkKind.NOTE_REISSUED, NEW_NOTE, NOTE, 5),
            link(LinkKind.DECLARATION_COVERS, DECLARATION, NEW_NOTE, 5),
        ]
    )
    assert {path.thing for path in network.paths([ONE], frozenset())} == {ONE, NOTE, NEW_NOTE, DECLARATION}


def test_notes_that_replace_one_another_in_a_circle_end_the_walk() -> None:
    network = Network(
        [
            link(LinkKind.NOTE_COVERS, NOTE, ONE, 0),
            link(LinkKind.NOTE_REISSUED, NEW_NOTE, NOTE, 5),
            link(LinkKind.NOTE_REISSUED, NOTE, NEW_NOTE, 6),
        ]
    )
    assert {path.thing for path in network.paths([ONE], frozenset())} == {ONE, NOTE, NEW_NOTE}


def test_a_shared_box_never_carries_one_consignments_facts_into_the_other() -> None:
    network = Network(
        [
            link(LinkKind.CONTAINER_CARRIES, BOX, ONE, 0, shared=True),
            link(LinkKind.CONTAINER_CARRIES, BOX, TWO, 0, shared=True),
            link(LinkKind.NOTE_COVERS, NOTE, TWO, 0),
        ]
    )
    assert {path.thing for path in network.paths([ONE], frozenset())} == {ONE, BOX}


def test_two_publishers_who_assign_a_box_differently_dispute_it_unless_both_share_it() -> None:
    ours, theirs = (
        link(LinkKind.CONTAINER_CARRIES, BOX, ONE, 0),
        link(LinkKind.CONTAINER_CARRIES, BOX, TWO, 5, by="x"),
    )
    network = Network([ours, theirs])
    (path,) = (p for p in network.paths([ONE], frozenset()) if p.thing == BOX)
    (rival,) = network.rivals(path.spans[0], ())
    assert (rival.link, rival.holds(4), rival.holds(5)) == (theirs, False, True)
    shared = Network([link(LinkKind.CONTAINER_CARRIES, BOX, c, 0, by=c.key, shared=True) for c in (ONE, TWO)])
    (path,) = (p for p in shared.paths([ONE], frozenset()) if p.thing == BOX)
    assert not list(shared.rivals(path.spans[0], ()))
