"""Which papers speak of a part of the cargo only, by hand."""

from __future__ import annotations

from schemas.events.base import ObjectKind
from services.domain.facts import Link, LinkKind
from services.domain.links import parts
from services.domain.objects import Thing

CONS = Thing(ObjectKind.CONSIGNMENT, "op/1")
ONE, TWO, NEW, LAST = (Thing(ObjectKind.NOTE, f"SMGS/CN/X/{n}/2026") for n in range(4))
BOOKING, OTHER = (Thing(ObjectKind.BOOKING, f"op/B{n}") for n in range(2))
EXPORT = Thing(ObjectKind.DECLARATION, "CN/1")


def link(kind: LinkKind, left: Thing, right: Thing) -> Link:
    return Link(f"{left}{right}".encode(), "op", 0, kind, left, right, 0, None, False)


def covers(left: Thing, right: Thing = CONS) -> Link:
    return link(LinkKind.NOTE_COVERS, left, right)


def replaces(new: Thing, old: Thing) -> Link:
    return link(LinkKind.NOTE_REISSUED, new, old)


def same(one: Thing, other: Thing) -> list[Link]:
    return [link(LinkKind.SAME_DECLARATION, one, other), link(LinkKind.SAME_DECLARATION, other, one)]


def test_a_declaration_that_covers_one_of_two_notes_is_a_part_under_either_number() -> None:
    lodged = Thing(ObjectKind.DECLARATION, "CN/LRN/1")
    some = parts([covers(ONE), covers(TWO), declared(ONE), *same(EXPORT, lodged)])
    assert some == {ONE, TWO, EXPORT, lodged}
    every = parts([covers(ONE), covers(TWO), declared(ONE), declared(TWO), *same(EXPORT, lodged)])
    assert every == {ONE, TWO}


def declared(note: Thing) -> Link:
    return link(LinkKind.DECLARATION_COVERS, EXPORT, note)


def test_the_only_note_and_its_declaration_speak_for_the_whole() -> None:
    assert parts([covers(ONE), declared(ONE), link(LinkKind.BOOKING_OF, BOOKING, CONS)]) == frozenset()


def test_of_two_notes_each_speaks_for_a_part_and_what_covers_both_for_the_whole() -> None:
    assert parts([covers(ONE), covers(TWO), declared(ONE)]) == {ONE, TWO, EXPORT}
    assert parts([covers(ONE), covers(TWO), declared(ONE), declared(TWO)]) == {ONE, TWO}


def test_a_note_that_replaces_both_speaks_for_the_whole() -> None:
    merged = [covers(ONE), covers(TWO), replaces(NEW, ONE), replaces(NEW, TWO), declared(NEW)]
    assert parts(merged) == {ONE, TWO}
    assert parts([covers(ONE), replaces(NEW, ONE), covers(NEW)]) == frozenset()
    assert parts([covers(ONE), covers(TWO), replaces(NEW, ONE), replaces(LAST, NEW)]) == {ONE, TWO, NEW, LAST}


def test_of_two_bookings_neither_nor_their_notes_speak_for_the_whole() -> None:
    bookings = [link(LinkKind.BOOKING_OF, each, CONS) for each in (BOOKING, OTHER)]
    assert parts([*bookings, covers(ONE, BOOKING), covers(TWO, OTHER)]) == {BOOKING, OTHER, ONE, TWO}
    assert parts([*bookings, covers(ONE, BOOKING)]) == {BOOKING, OTHER, ONE}
    assert parts([*bookings, covers(ONE, BOOKING), covers(ONE, OTHER)]) == {BOOKING, OTHER}


def test_notes_that_replace_one_another_in_a_circle_end_the_walk() -> None:
    assert parts([covers(ONE), covers(TWO), replaces(NEW, ONE), replaces(ONE, NEW)]) == frozenset()
