"""Small random worlds: facts of few parties about few objects, so that everything meets everything.

Facts are built directly, without JSON: the store takes facts, whatever they were read from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind, Region
from services.admission.model import Record
from services.core.facts import (
    FOREVER,
    Assurance,
    Claim,
    Facts,
    Founding,
    Lifting,
    Link,
    LinkKind,
    PlannedRoute,
    Restriction,
    Withdrawal,
)
from services.core.links import FILLING
from services.core.objects import Thing
from services.storage.batch import Event

HALF_HOUR = 1_800 * 1_000_000
PARTIES = ("founder", "founder", "forwarder", "railway", "stranger")
MILESTONES = (202, 300, 305, 400, 500, 370, 371, 1200, 1201, 1202, 1006, 2000, 2020, 2021, 100, 103)
JURISDICTIONS = ("CN", "KZ", "PL", "GB")
PLACES = ("", "railnet:dostyk", "locode:PLMAA")
TOPIC = "cre.test.worlds.v1"


@dataclass(frozen=True)
class Objects:
    """The objects of one world; ``salt`` keeps worlds of one database apart."""

    salt: str

    def thing(self, kind: ObjectKind, index: int) -> Thing:
        return Thing(kind, f"{self.salt}{index}")

    def many(self, kind: ObjectKind, count: int) -> list[Thing]:
        return [self.thing(kind, index) for index in range(count)]

    @property
    def consignments(self) -> list[Thing]:
        return self.many(ObjectKind.CONSIGNMENT, 3)

    @property
    def trains(self) -> list[Thing]:
        return self.many(ObjectKind.TRAIN, 2)


COUNTS = {
    ObjectKind.CONSIGNMENT: 3,
    ObjectKind.BOOKING: 2,
    ObjectKind.NOTE: 3,
    ObjectKind.CONTAINER: 3,
    ObjectKind.DECLARATION: 1,
    ObjectKind.WAGON: 2,
    ObjectKind.TRAIN: 2,
    ObjectKind.PLACE: 1,
}
ENDS = {
    LinkKind.CONTAINER_CARRIES: (ObjectKind.CONTAINER, (ObjectKind.CONSIGNMENT, ObjectKind.BOOKING)),
    LinkKind.NOTE_COVERS: (ObjectKind.NOTE, (ObjectKind.CONSIGNMENT, ObjectKind.BOOKING)),
    LinkKind.BOOKING_OF: (ObjectKind.BOOKING, (ObjectKind.CONSIGNMENT,)),
    LinkKind.NOTE_REISSUED: (ObjectKind.NOTE, (ObjectKind.NOTE,)),
    LinkKind.DECLARATION_COVERS: (ObjectKind.DECLARATION, (ObjectKind.NOTE,)),
    LinkKind.WAGON_CARRIES: (ObjectKind.WAGON, (ObjectKind.CONTAINER,)),
    LinkKind.TRAIN_CARRIES: (ObjectKind.TRAIN, (ObjectKind.WAGON,)),
    LinkKind.SAME_CONSIGNMENT: (ObjectKind.CONSIGNMENT, (ObjectKind.CONSIGNMENT,)),
}
# Boxes and the links of cargo more often than the rest.
_LINK_KINDS = (1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 8)
_CLAIM_KINDS = (4, 4, 4, 4, 1, 2, 3, 3, 5, 6, 7, 7, 8)


def event_id(salt: str, number: int) -> bytes:
    """The id of the event ``number`` of a world."""
    return hashlib.sha256(f"{salt}/{number}".encode()).digest()[:16]


@dataclass(frozen=True)
class Said:
    """One event of a world: the number behind its id, its variant (content) and its facts."""

    number: int
    variant: int
    publisher: str
    facts: Facts


def event(said: Said, salt: str, offset: int, registry: int = 0) -> Event:
    """``said`` as the store takes it, at ``offset`` of partition 0."""
    identity = event_id(salt, said.number)
    content = hashlib.sha256(identity + said.variant.to_bytes(8)).digest()[:16]
    payload = f'{{"said":{said.number},"variant":{said.variant}}}'.encode()
    record = Record(
        TOPIC, 0, offset, 1_700_000_000_000 + offset, [("ce_id", str(said.number).encode())], payload
    )
    facts = replace(said.facts, contents=frozenset({(identity, content)}))
    return Event(record, identity, content, payload, said.publisher, "00" * 8, registry, facts)


times = st.integers(0, 12).map(lambda n: n * HALF_HOUR)
# Some beyond the time in which shared assignments of a box are one filling.
moments = st.one_of(times, times, times.map(lambda at: at + FILLING))
published_times = st.integers(0, 6).map(lambda n: n * HALF_HOUR)
parties = st.sampled_from(PARTIES)


@st.composite
def _claims(draw: st.DrawFn, objects: Objects, identity: bytes, publisher: str) -> Facts:
    # Half of them crowd around few questions, so that publishers answer again and contradict one another.
    crowd = draw(st.booleans())
    number = draw(st.sampled_from((300, 300, 370, 371) if crowd else MILESTONES))
    region = catalogue.by_number(number).region
    kinds = draw(st.lists(st.sampled_from((4, 4, 1) if crowd else _CLAIM_KINDS), min_size=1, max_size=2))
    base = Claim(
        event=identity,
        publisher=publisher,
        published=draw(published_times),
        happened=draw(times if crowd else moments),
        thing=objects.consignments[0],
        milestone=number,
        region=region,
        jurisdiction=draw(st.sampled_from(JURISDICTIONS)) if region is Region.CUSTOMS else "",
        place="" if crowd else draw(st.sampled_from(PLACES)),
        occurrence="" if crowd else draw(st.sampled_from(("", "", "2"))),
        classifier=draw(st.sampled_from((Classifier.ACT,) * 5 + (Classifier.EST,))),
        assurance=draw(st.sampled_from(Assurance)),
        territorial=draw(st.sampled_from((False, True) if crowd else (False, False, True))),
    )
    if crowd:
        some = [objects.thing(ObjectKind(kind), draw(st.integers(0, 1))) for kind in kinds]
        return Facts(claims=frozenset(replace(base, thing=thing) for thing in some))
    return Facts(claims=frozenset(replace(base, thing=draw(things(objects, ObjectKind(k)))) for k in kinds))


@st.composite
def claimed(draw: st.DrawFn, objects: Objects, most: int = 1_000) -> Said:
    """One event that only claims, under an id that no other kind of event of the world has."""
    number = 1_000 + draw(st.integers(0, most))
    publisher = PARTIES[number % len(PARTIES)]
    facts = draw(_claims(objects, event_id(objects.salt, number), publisher))
    return Said(number, 0, publisher, facts)


@st.composite
def founded(draw: st.DrawFn, objects: Objects) -> list[Said]:
    """Foundings of some of the consignments by parties that know one another: without them nothing shows."""
    told = []
    for index in draw(st.sets(st.integers(0, 2))):
        number = 100 + draw(st.integers(0, 1)) + 5 * index
        identity, cons = event_id(objects.salt, number), objects.consignments[index]
        publisher = PARTIES[number % len(PARTIES)]
        names = frozenset(draw(st.lists(parties, max_size=3)))
        box = objects.thing(ObjectKind.CONTAINER, index)
        carried = Link(
            identity,
            publisher,
            0,
            LinkKind.CONTAINER_CARRIES,
            box,
            cons,
            0,
            None,
            False,
            draw(st.booleans()),
            names,
        )
        facts = Facts(
            foundings=frozenset({Founding(identity, publisher, 0, cons, names)}), links=frozenset({carried})
        )
        told.append(Said(number, 0, publisher, facts))
    if len(told) > 1 and draw(st.booleans()):
        told.append(_declared_the_same(objects, draw(st.sampled_from(((0, 1), (2, 0), (1, 2))))))
    return told


def _declared_the_same(objects: Objects, pair: tuple[int, int]) -> Said:
    left, right = (objects.consignments[index] for index in pair)
    number = 120
    identity, publisher = event_id(objects.salt, number), PARTIES[number % len(PARTIES)]
    same = Link(identity, publisher, 0, LinkKind.SAME_CONSIGNMENT, left, right, 0, None, False)
    return Said(number, sum(pair), publisher, Facts(links=frozenset({same})))


@st.composite
def worlds(draw: st.DrawFn, objects: Objects, most: int) -> list[Said]:
    """A whole world: some foundings and up to ``most`` events about and around them, in any order."""
    return draw(st.permutations([*draw(founded(objects)), *draw(st.lists(said(objects), max_size=most))]))


def things(objects: Objects, kind: ObjectKind) -> st.SearchStrategy[Thing]:
    return st.integers(0, COUNTS[kind] - 1).map(lambda index: objects.thing(kind, index))


@st.composite
def _links(draw: st.DrawFn, objects: Objects, identity: bytes, publisher: str) -> Facts:
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
    )
    if draw(st.booleans()):  # half of them crowd around two boxes
        left = objects.thing(ObjectKind.CONTAINER, draw(st.integers(0, 1)))
        right = objects.thing(ObjectKind.CONSIGNMENT, draw(st.integers(0, 1)))
        return Facts(links=frozenset({replace(base, left=left, right=right)}))
    edges = set()
    for number in draw(st.lists(st.sampled_from(_LINK_KINDS), min_size=1, max_size=2)):
        kind = LinkKind(number)
        left, rights = ENDS[kind]
        right = draw(st.sampled_from(rights))
        edges.add(
            replace(base, kind=kind, left=draw(things(objects, left)), right=draw(things(objects, right)))
        )
    return Facts(links=frozenset(edges))


@st.composite
def _founding(draw: st.DrawFn, objects: Objects, identity: bytes, publisher: str) -> Facts:
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


def _others(objects: Objects, identity: bytes, publisher: str) -> st.SearchStrategy[Facts]:
    place = PLACES[1]
    route = PlannedRoute(identity, publisher, 0, objects.consignments[0], (place,))
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


@st.composite
def said(draw: st.DrawFn, objects: Objects, most: int = 30) -> Said:
    """One event; numbers repeat, so that duplicates and equivocations occur."""
    number = draw(st.integers(0, most))
    identity = event_id(objects.salt, number)
    # One publisher per id: whoever signs owns the source that the id is made of.
    publisher = PARTIES[number % len(PARTIES)]
    what = draw(st.sampled_from("CCCCCCCCLLLLLLFFRXXWWWWO"))
    stated = {
        "C": _claims(objects, identity, publisher),
        "X": _claims(objects, identity, publisher),
        "L": _links(objects, identity, publisher),
        "R": _links(objects, identity, publisher),
        "F": _founding(objects, identity, publisher),
        "W": st.just(Facts()),
        "O": _others(objects, identity, publisher),
    }[what]
    facts = draw(stated)
    if what in "XRW":
        target = event_id(objects.salt, draw(st.integers(0, most)))
        withdrawal = Withdrawal(identity, target, replaces=what != "W")
        facts = replace(facts, withdrawals=frozenset({withdrawal}))
    # The variant is a digest of what is said: the same facts again are a duplicate, others an equivocation.
    digest = hashlib.sha256(repr(_sorted(facts)).encode()).digest()
    variant = int.from_bytes(digest[:8])
    return Said(number, variant, publisher, facts)


def _sorted(facts: Facts) -> list[str]:
    return sorted(
        repr(each)
        for each in (
            *facts.claims,
            *(replace(link, names=frozenset()) for link in facts.links),
            *(sorted(link.names) for link in facts.links),
            *(replace(founding, names=frozenset()) for founding in facts.foundings),
            *(sorted(founding.names) for founding in facts.foundings),
            *facts.withdrawals,
            *facts.routes,
            *facts.restrictions,
            *facts.liftings,
        )
    )


def everything(events: Sequence[Event]) -> Facts:
    """All that the events say."""
    return Facts.union(event.facts for event in events)


__all__ = ["FOREVER", "Objects", "Said", "claimed", "event", "event_id", "everything", "said", "worlds"]
