"""Two transactions that cannot see each other's facts: nothing is lost for good, and without the cure it is.

Each schedule stops one transaction right before its commit, when it holds an id and has looked for everything it could
see, and lets the other run to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from services.domain.facts import LinkKind
from services.ledger.storage import points, settlement, state, statement, work
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.structure import Note, StructureChanges, rederive
from services.ledger.storage.writer import Writer
from tests.support.storage.comparison import assert_equal_to_core
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import TOPIC, Pair, Pausing, no_letters, start

pytestmark = pytest.mark.integration

Case = tuple[list[Event], list[Event], list[Event]]
Build = Callable[[Teller], Case]


def event_and_link(t: Teller) -> Case:
    before = [t.founding(t.cons())]
    return before, [t.claim(t.box(), HOUR)], [t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons())]


def event_and_founding(t: Teller) -> Case:
    before = [t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons())]
    return before, [t.claim(t.box(), HOUR)], [t.founding(t.cons())]


def link_and_link(t: Teller) -> Case:
    before = [t.founding(t.cons()), t.founding(t.cons("d"))]
    before += [
        t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons()),
        t.claim(t.box(), 3 * HOUR),
        t.claim(t.box(), HOUR // 2),
    ]
    left = [t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons("d"), HOUR)]
    return before, left, [t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons("d"), 2 * HOUR)]


def way_of_two_links(t: Teller) -> Case:
    before = [t.founding(t.cons()), t.claim(t.note("old"), HOUR, 2000)]
    left = [t.link(LinkKind.NOTE_COVERS, t.note(), t.cons())]
    return before, left, [t.link(LinkKind.NOTE_REISSUED, t.note("old"), t.note())]


def event_and_retraction(t: Teller) -> Case:
    id_ = t.id("claim")
    before = [t.founding(t.cons()), t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons())]
    return before, [t.claim(t.box(), HOUR, id_=id_)], [t.retraction(id_)]


def link_and_retraction(t: Teller) -> Case:
    id_ = t.id("link")
    before = [t.founding(t.cons()), t.claim(t.box(), HOUR)]
    left = [t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons(), id_=id_)]
    return before, left, [t.retraction(id_)]


def retraction_and_its_retraction(t: Teller) -> Case:
    id_, first = t.id("claim"), t.id("first")
    before = [
        t.founding(t.cons()),
        t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons()),
        t.claim(t.box(), HOUR, id_=id_),
    ]
    return before, [t.retraction(id_, id_=first)], [t.retraction(first)]


def founding_and_declared_the_same(t: Teller) -> Case:
    before = [
        t.founding(t.cons()),
        t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons("d")),
        t.claim(t.box(), HOUR),
    ]
    left = [t.link(LinkKind.SAME_CONSIGNMENT, t.cons("d"), t.cons())]
    return before, left, [t.founding(t.cons("d"))]


LOSING: Sequence[Build] = (
    event_and_link,
    event_and_founding,
    link_and_link,
    way_of_two_links,
    event_and_retraction,
    link_and_retraction,
    retraction_and_its_retraction,
    founding_and_declared_the_same,
)


def run(pair: Pair, first: Sequence[Event], second: Sequence[Event]) -> None:
    """``first`` stops before its commit while ``second`` runs to its end."""
    pausing = Pausing("first", "before_commit")
    points.install(pausing)
    try:
        running = start("first", lambda: pair.apply(0, first))
        assert pausing.reached.wait(30)
        other = start("second", lambda: pair.apply(1, second))
        other.thread.join(0.3)
        pausing.go_on.set()
        running.join()
        other.join()
    finally:
        pausing.go_on.set()
        points.install(None)


def compare(pair: Pair, t: Teller) -> None:
    assert_equal_to_core(pair.dsn, t.facts, [t.cons(), t.cons("d")], [])


@pytest.mark.parametrize("turned", [False, True], ids=["first_waits", "second_waits"])
@pytest.mark.parametrize("build", LOSING)
def test_nothing_is_missed_for_good(pair: Pair, teller: Teller, build: Build, turned: bool) -> None:
    before, left, right = build(teller)
    pair.apply(0, before)
    pair.settle()
    run(pair, *((right, left) if turned else (left, right)))
    pair.settle()
    compare(pair, teller)


@pytest.mark.parametrize("build", LOSING)
def test_without_settling_it_is_lost(careless: Pair, teller: Teller, build: Build) -> None:
    """At least one of the two schedules loses; else the test above proves nothing."""
    lost = 0
    for turned in (False, True):
        told = Teller(f"{teller.name}/{turned}")
        before, left, right = build(told)
        careless.apply(0, before)
        run(careless, *((right, left) if turned else (left, right)))
        for _ in range(3):
            careless.writers[0].tick()
        try:
            compare(careless, told)
        except AssertionError:
            lost += 1
    assert lost


def _link_then_event(pair: Pair, teller: Teller) -> None:
    """The link's transaction has the smaller id and commits first; the event resolved before and commits last."""
    pair.apply(0, [teller.founding(teller.cons())])
    pair.settle()
    link = [teller.link(LinkKind.CONTAINER_CARRIES, teller.box(), teller.cons())]
    event = [teller.claim(teller.box(), HOUR)]
    entering, resolved = Pausing("link", "after_fence"), Pausing("event", "before_commit")

    def hook(name: str) -> None:
        entering(name)
        resolved(name)

    points.install(hook)
    try:
        linking = start("link", lambda: pair.apply(0, link))
        assert entering.reached.wait(30)
        telling = start("event", lambda: pair.apply(1, event))
        assert resolved.reached.wait(30)
        entering.go_on.set()
        linking.join()
        for _ in range(4):
            pair.writers[0].tick()
        waiting = pair.writers[0].pending()
        resolved.go_on.set()
        telling.join()
    finally:
        entering.go_on.set()
        resolved.go_on.set()
        points.install(None)
    pair.settle()
    compare(pair, teller)
    assert waiting, "a note was settled while a transaction that may have missed it was still open"


def test_a_note_waits_for_every_transaction_older_than_its_mark(pair: Pair, teller: Teller) -> None:
    _link_then_event(pair, teller)


def test_comparing_with_the_notes_own_transaction_loses(
    pair: Pair, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The obvious rule, to settle when the horizon has passed the link's own transaction, settles too early."""
    early = statement("pending_take").replace(
        b"WHERE p.mark <= pg_snapshot_xmin(pg_current_snapshot())",
        b"WHERE p.xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
    )
    assert early != statement("pending_take")
    monkeypatch.setattr(work, "statement", lambda name: early if name == "pending_take" else statement(name))
    with pytest.raises(AssertionError, match="heads"):
        _link_then_event(pair, teller)


def test_comparing_with_the_upper_end_of_the_snapshot_loses(
    pair: Pair, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything below it has begun, not ended: a transaction that missed the change may still be open."""
    early = statement("pending_take").replace(b"pg_snapshot_xmin(", b"pg_snapshot_xmax(")
    assert early != statement("pending_take")
    monkeypatch.setattr(work, "statement", lambda name: early if name == "pending_take" else statement(name))
    with pytest.raises(AssertionError, match="heads"):
        _link_then_event(pair, teller)


def _note_of_a_link_beside_a_marking(pair: Pair, t: Teller) -> None:
    """The marking transaction is older than the event's, and the link is committed after both have begun."""
    pair.apply(0, [t.founding(t.cons())])
    pair.settle()
    link = [t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons())]
    event, other = [t.claim(t.box(), HOUR)], [t.claim(t.note(), HOUR, 2000)]
    pauses = [
        Pausing("link", "after_fence"),
        Pausing("marking", "after_fence"),
        Pausing("event", "before_commit"),
    ]
    linking, marking, resolved = pauses

    def hook(name: str) -> None:
        for pause in pauses:
            pause(name)

    points.install(hook)
    try:
        with Writer(pair.dsn, no_letters) as third:
            (claim,) = third.claim_partitions("third", [AssignedPartition(TOPIC, 2)])
            place = Advance(TOPIC, 2, claim.epoch, claim.next_offset, claim.next_offset + 1)
            running = [start("link", lambda: pair.apply(0, link))]
            assert linking.reached.wait(30)
            running.append(
                start("marking", lambda: third.apply(Batch((place,), tuple(other), (), pair.registry)))
            )
            assert marking.reached.wait(30)
            running.append(start("event", lambda: pair.apply(1, event)))
            assert resolved.reached.wait(30)
            for pause, each in zip((linking, marking), running[:2], strict=True):
                pause.go_on.set()
                each.join()
            for _ in range(4):
                pair.writers[0].tick()
            resolved.go_on.set()
            running[2].join()
    finally:
        for pause in pauses:
            pause.go_on.set()
        points.install(None)
    pair.settle()
    compare(pair, t)


def test_notes_are_read_before_the_marking_transaction_has_an_id(pair: Pair, teller: Teller) -> None:
    _note_of_a_link_beside_a_marking(pair, teller)


def test_reading_the_notes_after_that_loses(
    pair: Pair, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmarked, take_over = settlement.unmarked, settlement.take_over
    monkeypatch.setattr(settlement, "unmarked", lambda _work: ())
    monkeypatch.setattr(settlement, "take_over", lambda opened, _waiting: take_over(opened, unmarked(opened)))
    with pytest.raises(AssertionError, match="heads"):
        _note_of_a_link_beside_a_marking(pair, teller)


def _event_beside_a_settling(pair: Pair, t: Teller) -> None:
    """A link and its retraction miss each other; what settling then mends is missed by an event that is under way."""
    id_ = t.id("moved")
    # Nobody founded the other consignment: the event locks no head that the settling waits for.
    pair.apply(0, [t.founding(t.cons()), t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons())])
    pair.settle()
    moved = [t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons("d"), HOUR, id_=id_)]
    run(pair, moved, [t.retraction(id_)])
    # The marks are set by a transaction that is older than the event's and committed after the event looked for notes.
    marking, resolved = Pausing("marking", "before_commit"), Pausing("event", "before_commit")

    def hook(name: str) -> None:
        marking(name)
        resolved(name)

    points.install(hook)
    try:
        marked = start("marking", lambda: pair.apply(0, [t.claim(t.note(), HOUR, 2000)]))
        assert marking.reached.wait(30)
        telling = start("event", lambda: pair.apply(1, [t.claim(t.box(), 2 * HOUR)]))
        assert resolved.reached.wait(30)
        marking.go_on.set()
        marked.join()
        for _ in range(50):
            if pair.writers[0].tick().settled:
                break
        resolved.go_on.set()
        telling.join()
    finally:
        marking.go_on.set()
        resolved.go_on.set()
        points.install(None)
    pair.settle()
    compare(pair, t)


def test_what_settling_changes_is_looked_at_once_more(pair: Pair, teller: Teller) -> None:
    _event_beside_a_settling(pair, teller)


def test_without_a_note_of_what_settling_changed_the_event_is_lost(
    pair: Pair, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(opened: work.Work, note: Note) -> StructureChanges:
        return replace(rederive(opened, note), changed=Note())

    monkeypatch.setattr(state, "rederive", forgetful)
    with pytest.raises(AssertionError, match="heads"):
        _event_beside_a_settling(pair, teller)
