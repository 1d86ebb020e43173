"""Strategies for what one event may say, over few objects and few moments."""

from __future__ import annotations

from hypothesis import strategies as st

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind, Region
from services.domain.facts import (
    FREEING,
    Assurance,
    Claim,
    Facts,
    Founding,
    Handover,
    Lifting,
    Link,
    LinkKind,
    PlannedRoute,
    Restriction,
)
from services.domain.freeing import CLOSING, SAME_DAY
from services.domain.handovers import ADVANCE, DELIVERING, RECEIVING
from services.domain.interpretation import meeting
from services.domain.links import FILLING
from services.domain.objects import Thing
from services.domain.rules import HANDED_OVER, ONE_MEETING
from tests.support.storage.cast import (
    CLAIM_KINDS,
    COUNTS,
    ENDS,
    FREED,
    HALF_HOUR,
    JURISDICTIONS,
    LINK_KINDS,
    MILESTONES,
    PARTIES,
    PLACES,
    STOPS,
    Objects,
    event_id,
)

LOADED_AT = ("", "railnet:dostyk", "railnet:alashankou", "railnet:malaszewicze")
times = st.integers(0, 12).map(lambda n: n * HALF_HOUR)
# Some beyond the time in which shared assignments of a box are one filling.
moments = st.one_of(times, times, times.map(lambda at: at + FILLING))
published_times = st.integers(0, 6).map(lambda n: n * HALF_HOUR)
parties = st.sampled_from(PARTIES)


def things(objects: Objects, kind: ObjectKind) -> st.SearchStrategy[Thing]:
    return st.integers(0, COUNTS[kind] - 1).map(lambda index: objects.thing(kind, index))


@st.composite
def claims(draw: st.DrawFn, objects: Objects, identity: bytes, publisher: str) -> Facts:
    # Half of them crowd around few questions, so that publishers answer again and contradict one another.
    crowd = draw(st.booleans())
    number = draw(st.sampled_from((300, 300, 301, 302, 370, 371) if crowd else MILESTONES))
    region = catalogue.by_number(number).region
    kinds = draw(st.lists(st.sampled_from((4, 4, 1) if crowd else CLAIM_KINDS), min_size=1, max_size=2))
    base = Claim(
        event=identity,
        publisher=publisher,
        published=draw(published_times),
        happened=draw(times if crowd else moments),
        thing=objects.consignments[0],
        milestone=number,
        region=region,
        jurisdiction=draw(st.sampled_from(JURISDICTIONS)) if region is Region.CUSTOMS else "",
        place=draw(st.sampled_from(("", *PLACES[1::2]) if crowd else PLACES)),
        occurrence="" if crowd else draw(st.sampled_from(("", "", "2"))),
        classifier=draw(st.sampled_from((Classifier.ACT,) * 5 + (Classifier.EST,))),
        assurance=draw(st.sampled_from(Assurance)),
        territorial=draw(st.sampled_from((False, True) if crowd else (False, False, True))),
        stop=draw(st.sampled_from(STOPS)) if number == HANDED_OVER else "",
    )
    if crowd:
        some = [objects.thing(ObjectKind(kind), draw(st.integers(0, 1))) for kind in kinds]
        return Facts(claims=frozenset(base._replace(thing=thing) for thing in some))
    return Facts(claims=frozenset(base._replace(thing=draw(things(objects, ObjectKind(k)))) for k in kinds))


@st.composite
def moves(draw: st.DrawFn, objects: Objects, number: int) -> Facts:
    """One fact that moves the first consignment or its box, among steps and places that follow one another closely."""
    milestone = draw(st.sampled_from((300, 300, 301, 301, HANDED_OVER, 304, 305, 203, 400)))
    claim = Claim(
        event=event_id(objects.salt, number),
        publisher="founder",
        published=number * HALF_HOUR,
        happened=draw(st.integers(0, 9)) * HALF_HOUR,
        thing=draw(st.sampled_from((objects.consignments[0], objects.thing(ObjectKind.CONTAINER, 0)))),
        milestone=milestone,
        region=Region.MOVEMENT,
        jurisdiction="",
        place=draw(st.sampled_from(PLACES[1:])),
        occurrence=str(number),  # each the only answer to its question
        classifier=Classifier.ACT,
        assurance=Assurance.ASSERTED,
        territorial=False,
        stop=draw(st.sampled_from(STOPS)) if milestone == HANDED_OVER else "",
    )
    return Facts(claims=frozenset({claim}))


@st.composite
def links(draw: st.DrawFn, objects: Objects, identity: bytes, publisher: str) -> Facts:
    start = draw(times) + draw(st.sampled_from((0, 0, 0, FILLING, FILLING + 1)))
    end = draw(st.one_of(st.none(), st.none(), st.integers(0, 8).map(lambda n: start + n * HALF_HOUR)))
    base = Link(
        event=identity,
        publisher=publisher,
        published=draw(published_times),
        kind=LinkKind.CONTAINER_CARRIES,
        left=objects.consignments[0],
        right=objects.consignments[0],
        start=start,
        end=end,
        territorial=draw(st.sampled_from((False, False, False, True))),
        shared=draw(st.booleans()),
        names=frozenset(draw(st.lists(parties, max_size=2))),
        place=draw(st.sampled_from(LOADED_AT)),
    )
    crowd = draw(st.sampled_from(("cargo", "cargo", "cargo", "wagon", "", "")))
    if crowd == "wagon":  # lists of two wagons, by their railway or not
        load = base._replace(kind=LinkKind.WAGON_CARRIES, territorial=draw(st.booleans()), shared=False)
        left = objects.thing(ObjectKind.WAGON, draw(st.integers(0, 1)))
        boxes = draw(st.sets(st.integers(0, 2), min_size=1, max_size=2))
        return Facts(
            links=frozenset(
                load._replace(left=left, right=objects.thing(ObjectKind.CONTAINER, n)) for n in boxes
            )
        )
    if crowd == "cargo":  # around two boxes
        left = objects.thing(ObjectKind.CONTAINER, draw(st.integers(0, 1)))
        right = objects.thing(ObjectKind.CONSIGNMENT, draw(st.integers(0, 1)))
        return Facts(links=frozenset({base._replace(left=left, right=right)}))
    edges = set()
    for number in draw(st.lists(st.sampled_from(LINK_KINDS), min_size=1, max_size=2)):
        kind = LinkKind(number)
        left, rights = ENDS[kind]
        right = draw(st.sampled_from(rights))
        edge = base._replace(kind=kind, left=draw(things(objects, left)), right=draw(things(objects, right)))
        edges.add(edge)
        if kind in (LinkKind.SAME_TRAIN, LinkKind.SAME_DECLARATION):  # said both ways
            edges.add(edge._replace(left=edge.right, right=edge.left))
    return Facts(links=frozenset(edges))


@st.composite
def freeing(draw: st.DrawFn, objects: Objects, identity: bytes, publisher: str) -> Facts:
    """A fact that frees an object, as interpretation gives it: a claim, and a link that names the object on both sides."""
    kind = draw(st.sampled_from(sorted(FREEING)))
    thing = draw(things(objects, draw(st.sampled_from(FREED))))
    happened = draw(moments) + draw(st.sampled_from((0, 0, 0, CLOSING, SAME_DAY)))
    published, territorial = draw(published_times), draw(st.sampled_from((False, False, True)))
    place = draw(st.sampled_from(PLACES))
    milestone = catalogue.spec(f"cre.movement.{kind.name.lower()}.v1").number
    claim = Claim(
        identity, publisher, published, happened, thing, milestone, Region.MOVEMENT, "", place, "", Classifier.ACT,
        Assurance.ASSERTED, territorial,
    )  # fmt: skip
    link = Link(
        identity, publisher, published, kind, thing, thing, happened + 1, None, territorial, place=place
    )
    return Facts(claims=frozenset({claim}), links=frozenset({link}))


@st.composite
def founding(draw: st.DrawFn, objects: Objects, identity: bytes, publisher: str) -> Facts:
    cons = draw(things(objects, ObjectKind.CONSIGNMENT))
    names = frozenset(draw(st.lists(parties, max_size=2)))
    box = draw(things(objects, ObjectKind.CONTAINER))
    carried = Link(
        identity, publisher, 0, LinkKind.CONTAINER_CARRIES, box, cons, draw(times), None, False, False, names
    )
    return Facts(
        foundings=frozenset({Founding(identity, publisher, draw(published_times), cons, names)}),
        links=frozenset({carried}) if draw(st.booleans()) else frozenset(),
    )


@st.composite
def handover(draw: st.DrawFn, objects: Objects, identity: bytes, publisher: str) -> Facts:
    """One side's list, filed under its boxes and under the place and run where both sides' lists meet."""
    place, side = PLACES[1], draw(st.sampled_from((ADVANCE, DELIVERING, RECEIVING)))
    run = draw(st.sampled_from(("2", "2", "3", "4", "")))
    boxes = [objects.thing(ObjectKind.CONTAINER, n) for n in draw(st.sets(st.integers(0, 2), min_size=1))]
    happened, published, territorial = draw(times), draw(published_times), draw(st.booleans())
    happened += draw(st.sampled_from((0, 0, 0, ONE_MEETING, 2 * ONE_MEETING)))
    claims = (
        Claim(
            identity, publisher, published, happened, thing, 302, Region.MOVEMENT, "", place, run, Classifier.ACT,
            Assurance.ASSERTED, territorial,
        )
        for thing in (*boxes, meeting(place, run))
    )  # fmt: skip
    listed = Handover(
        identity,
        publisher,
        published,
        happened,
        None,
        place,
        run,
        side,
        frozenset(b.key for b in boxes),
        territorial,
        border=place,
    )
    return Facts(claims=frozenset(claims), handovers=frozenset({listed}))


def others(objects: Objects, identity: bytes, publisher: str) -> st.SearchStrategy[Facts]:
    place = PLACES[1]
    route = PlannedRoute(identity, publisher, 0, objects.consignments[0], (place, "railnet:malaszewicze"))
    closed = Restriction(identity, publisher, 0, place, "EMBARGO", "BOTH", (), 0, None, True)
    lifted = Lifting(identity, event_id(objects.salt, 1), 5)
    return st.sampled_from(
        (
            Facts(),
            Facts(routes=frozenset({route})),
            Facts(restrictions=frozenset({closed})),
            Facts(liftings=frozenset({lifted})),
        )
    )
