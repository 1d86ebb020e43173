"""What belongs to what at a moment: the intervals of links, and the directed paths by which facts reach a consignment.

Facts travel one way only: train -> wagon -> container -> (booking ->) consignment, and
declaration -> note (-> the note it replaced) -> (booking ->) consignment. Nothing is reachable beyond that path, so a box that
two consignments shared never carries the facts of one note to the other.

A train or declaration may have several names (a railway's identifier and a list's number; a declarant's number and that of
customs). SAME_TRAIN and SAME_DECLARATION join them: facts under one name also take the paths of the other, and both are
compared as one (``names``).

A box is on one wagon at a time, and a wagon in one train. Each publisher's own links follow one another, and the authority's
list of a wagon for a later run frees it of what came before (``spans``). What its publisher left open also ends by the word
of others: where cargo passes to another network, the territorial authority's statement that it goes on from there is the
next leg (``handed_on``), and what a fact frees is carried no longer (``Network.in_force``). An end that somebody wrote stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from schemas.events.base import ObjectKind
from services.domain.facts import FOREVER, FREEING, SINCE_EVER, TIMED, Link, LinkKind, Micros, counts
from services.domain.freeing import of_cargo, off_wagon
from services.domain.next_leg import adjoins
from services.domain.objects import Aliases, Thing

Paper = TypeVar("Paper", bound=Hashable)

_PAPERS = frozenset(
    {
        LinkKind.NOTE_COVERS,
        LinkKind.NOTE_REISSUED,
        LinkKind.DECLARATION_COVERS,
        LinkKind.SAME_DECLARATION,
    }
)


def parts(links: Iterable[Link]) -> frozenset[Thing]:
    """The bookings, notes and declarations that cover only part of what the counted ``links`` of a group know.

    A consignment in three boxes may have a note for each: a release of one note frees one box, a release of the declaration over
    all three frees the cargo. A single booking or note covers the whole. A note that replaces others covers what they covered.
    """
    return partial((link.kind, link.left, link.right) for link in links)


def partial(links: Iterable[tuple[int, Paper, Paper]]) -> frozenset[Paper]:
    """The same for links given as (kind, left, right), whatever identifies their ends."""
    into: dict[Paper, list[Paper]] = defaultdict(list)
    bookings: set[Paper] = set()
    notes: set[Paper] = set()
    replacing: set[Paper] = set()
    for kind, left, right in links:
        if kind == LinkKind.BOOKING_OF:
            bookings.add(left)
        elif kind in _PAPERS:
            into[right].append(left)
            if kind == LinkKind.NOTE_COVERS:
                notes.add(left)
            elif kind == LinkKind.NOTE_REISSUED:
                replacing.add(left)
    units = notes - replacing | (bookings if len(bookings) > 1 else set())
    if len(units) < 2:
        return frozenset()
    spoken = [_above(unit, into) for unit in units]
    return frozenset(set[Paper]().union(*spoken) - spoken[0].intersection(*spoken))


def _above(unit: Paper, into: Mapping[Paper, Sequence[Paper]]) -> set[Paper]:
    seen, todo = {unit}, [unit]
    while todo:
        for thing in into.get(todo.pop(), ()):
            if thing not in seen:
                seen.add(thing)
                todo.append(thing)
    return seen


FILLING: Micros = 7 * 24 * 3_600_000_000
"""How long a consolidated box may be filled: later shared assignments are another journey."""

ONE_RUN: Micros = 7 * 24 * 3_600_000_000
"""Lists of a wagon by one publisher that begin within it may be of one run: another box beside the first, or the list corrected.

A railway lists a wagon whole when it loads it. A second list of one departure, or of a box added on the way, begins within
days; a wagon that is listed later has been elsewhere and come back, and what its list does not name was taken off before.
"""

RIDES = frozenset({LinkKind.WAGON_CARRIES, LinkKind.TRAIN_CARRIES})


NAMES = frozenset({LinkKind.SAME_TRAIN, LinkKind.SAME_DECLARATION})
"""Links that say of two names that they are one thing's."""


def carried(link: Link) -> Thing:
    """The object that can be in one place only: the box of a box link, what is carried of the others."""
    return link.left if link.kind is LinkKind.CONTAINER_CARRIES else link.right


class Span(NamedTuple):
    """A link with the half-open interval in which it is in force.

    ``ended_by``: what ended the open link: the same publisher's next one, its list of the wagon for a later run, the next leg of
    another network, or what freed the object. None where it is open, or its end was written.
    """

    link: Link
    start: Micros
    end: Micros
    ended_by: Link | None = None

    def holds(self, at: Micros) -> bool:
        return self.start <= at < self.end


Starts = Mapping[tuple[LinkKind, Thing, str], Mapping[tuple[Micros, bool], Link]]
Lists = Mapping[tuple[Thing, str], Mapping[Micros, Link]]
"""Of links, by kind, object and publisher, and of lists, by wagon and publisher, the first of each start."""


def spans(links: Iterable[Link]) -> tuple[Span, ...]:
    """Give each live link its interval: an open end stops at the next start of the same publisher for that object.

    That of a box on a wagon stops also where the publisher, as the authority of the place, lists the wagon for a later run
    (``ONE_RUN``), whatever is on that list. Shared assignments of a box that start within FILLING of one another are one filling and
    do not end each other. Links that are not timed hold for ever. ``links`` must be the live links of one set of facts.
    """
    every = tuple(links)
    starts: dict[tuple[LinkKind, Thing, str], dict[tuple[Micros, bool], Link]] = defaultdict(dict)
    lists: dict[tuple[Thing, str], dict[Micros, Link]] = defaultdict(dict)
    for link in every:
        if link.kind in TIMED:
            known = starts[link.kind, carried(link), link.publisher]
            known[link.start, link.shared] = min(link, known.get((link.start, link.shared), link), key=_order)
        if link.kind is LinkKind.WAGON_CARRIES and link.territorial:
            listed = lists[link.left, link.publisher]
            listed[link.start] = min(link, listed.get(link.start, link), key=_order)
    return tuple(_span(link, starts, lists) for link in every)


def _span(link: Link, starts: Starts, lists: Lists) -> Span:
    if link.kind not in TIMED:
        return Span(link, SINCE_EVER, FOREVER)
    if link.end is not None:
        return Span(link, link.start, link.end)
    later = [
        other
        for (start, shared), other in starts[link.kind, carried(link), link.publisher].items()
        if start > link.start + (FILLING if shared and link.shared else 0)
    ]
    if link.kind is LinkKind.WAGON_CARRIES:
        listed = lists.get((link.left, link.publisher), {})
        later += (other for start, other in listed.items() if start > link.start + ONE_RUN)
    return _ended(Span(link, link.start, FOREVER), min(later, key=_order, default=None))


def _ended(span: Span, by: Link | None) -> Span:
    """``span`` ended by the start of ``by``, where that comes before its end."""
    return span if by is None or by.start >= span.end else span._replace(end=by.start, ended_by=by)


def _order(link: Link) -> tuple[Micros, bytes, Thing, Thing]:
    return link.start, link.event, link.left, link.right


def handed_on(every: Iterable[Span]) -> Iterator[Span]:
    """``every`` span, those of wagons and trains cut where the cargo goes on over another network.

    An end that its publisher left open stops at the next start by another publisher for the same box (or wagon), where
    that one is the authority of the place, its wagon (or train) is of another network, and both legs adjoin
    (``next_leg.adjoins``). Else both stand, and what they say differently is a contradiction.
    """
    known = tuple(every)
    onward: dict[tuple[LinkKind, Thing], list[Link]] = defaultdict(list)
    for span in known:
        if span.link.kind in RIDES and span.link.territorial:
            onward[span.link.kind, span.link.right].append(span.link)
    for span in known:
        link = span.link
        if link.kind not in RIDES or link.end is not None:
            yield span
            continue
        later = (
            other
            for other in onward.get((link.kind, link.right), ())
            if other.publisher != link.publisher
            and span.start < other.start < span.end
            and adjoins(link, other)
        )
        yield _ended(span, min(later, key=_order, default=None))


_CALLED = frozenset({ObjectKind.CONSIGNMENT, ObjectKind.BOOKING, ObjectKind.NOTE})
"""What the whole cargo may be called by."""


class Path(NamedTuple):
    """A path by which facts about ``thing`` reach a consignment, in force in [start, end).

    ``spans`` are the timed links on it, from the thing to the consignment; a fact that frees ends the path, not these: ``freed`` are
    those that a fact ended, as it ended them. ``counted``: every link on it, timed or not, was published by an engaged party or by
    the territory's own authority.
    """

    thing: Thing
    spans: tuple[Span, ...] = ()
    start: Micros = SINCE_EVER
    end: Micros = FOREVER
    counted: bool = True
    freed: tuple[Span, ...] = ()

    def holds(self, at: Micros) -> bool:
        return self.start <= at < self.end

    @property
    def by_train(self) -> bool:
        return any(s.link.kind in RIDES for s in self.spans)

    def assigned(self, at: Micros) -> bool:
        """Whether at that moment nobody has ended its links for something else; a delivered box is still the cargo's."""
        return all(span.end > at or span.end == FOREVER for span in self.spans)


class Network:
    """The live links of a set of facts, indexed for walking from a consignment up to what reaches it.

    Every walk is bounded by the links and the moments that differ on them: paths that differ only in the documents
    between are one, because the paths through layers of notes that replace one another grow without bound.

    ``founded`` are the parties of each founding: what they say frees the boxes assigned to it.
    """

    def __init__(self, links: Iterable[Link], founded: Mapping[Thing, frozenset[str]] | None = None) -> None:
        self._founded = founded or {}
        self._freeing: dict[Thing, list[Link]] = defaultdict(list)
        self._into: dict[Thing, list[Span]] = defaultdict(list)
        self._from: dict[Thing, list[Span]] = defaultdict(list)
        self._of: dict[tuple[LinkKind, Thing], list[Span]] = defaultdict(list)
        self.same: list[Link] = []
        self._named_twice: list[Link] = []
        for span in handed_on(spans(links)):
            link = span.link
            if link.kind in FREEING:
                self._freeing[link.left].append(link)
                continue
            if link.kind is LinkKind.SAME_CONSIGNMENT:
                self.same.append(link)
                continue
            if link.kind in NAMES:
                self._named_twice.append(link)
            self._into[link.right].append(span)
            self._from[link.left].append(span)
            self._of[link.kind, carried(link)].append(span)

    def in_force(self, span: Span, engaged: Container[str] = (), whole: Iterable[Thing] = ()) -> Span:
        """``span`` as far as facts did not free its object: an end that somebody wrote stands.

        It is freed by the authority of the place, by the parties that the link or the founding names and by ``engaged``, those of
        the consignment that one looks at; and by the link's own publisher, who may end in this way what it may also end in writing.
        ``whole`` is what its whole cargo is called by.
        """
        link = span.link
        if link.kind not in TIMED or not self._freeing or (link.kind in RIDES and link.end is not None):
            return span
        founded = self._founded.get(link.right, frozenset())
        facts = [
            (
                fact,
                fact.territorial
                or fact.publisher == link.publisher
                or fact.publisher in engaged
                or fact.publisher in link.names
                or fact.publisher in founded,
            )
            for thing in {link.left, link.right, *whole}
            for fact in self._freeing.get(thing, ())
            if fact.start < span.end
        ]
        if link.kind in RIDES:
            return _ended(span, off_wagon(link, (fact for fact, counted in facts if counted)))
        begun, end, freed = of_cargo(link, facts)
        if begun != link.start:
            span = span._replace(start=begun)
        return span if freed is None or link.end is not None else span._replace(end=end, ended_by=freed)

    def onward(self, thing: Thing, engaged: Container[str] = ()) -> Iterator[Span]:
        """The links by which facts about ``thing`` lead on, each as long as it is in force.

        Of one that is over, ``Span.ended_by`` says what ended it.
        """
        return (self.in_force(span, engaged) for span in self._from.get(thing, ()))

    def paths(self, consignments: Iterable[Thing], engaged: frozenset[str]) -> tuple[Path, ...]:
        """Every way that ends in one of ``consignments``, each once; the consignments themselves are the empty paths."""
        todo = [Path(consignment) for consignment in consignments]
        whole = self._whole([path.thing for path in todo], engaged)
        found = {_identity(path): path for path in todo}
        while todo:
            path = todo.pop()
            for span in self._into.get(path.thing, ()):
                link = span.link
                known = self.in_force(span, engaged, whole)
                start, end = max(path.start, known.start), min(path.end, known.end)
                if start >= end:
                    continue
                onward = Path(
                    link.left,
                    (span, *path.spans) if link.kind in TIMED else path.spans,
                    start,
                    end,
                    path.counted and counts(link, engaged),
                    (known, *path.freed) if known.ended_by is not span.ended_by else path.freed,
                )
                if found.setdefault(_identity(onward), onward) is onward:
                    todo.append(onward)
        return tuple(found.values())

    def _whole(self, consignments: Sequence[Thing], engaged: frozenset[str]) -> frozenset[Thing]:
        """What of the freeing facts' objects stands for the whole cargo of ``consignments``: they themselves, bookings and notes."""
        known = [thing for thing in self._freeing if thing.kind in _CALLED]
        if not known:
            return frozenset()
        links = list(self.counted(consignments, engaged))
        named = {*consignments, *(link.left for link in links)}
        return frozenset(named.intersection(known)) - parts(links)

    def counted(self, things: Iterable[Thing], engaged: frozenset[str]) -> Iterator[Link]:
        """The links that count and lead to one of ``things``, at any depth, each once; those of trains are left out."""
        todo = list(things)
        seen = set(todo)
        while todo:
            for span in self._into.get(todo.pop(), ()):
                link = span.link
                if link.kind in RIDES or span.start >= span.end or not counts(link, engaged):
                    continue
                yield link
                if link.left not in seen:
                    seen.add(link.left)
                    todo.append(link.left)

    def names(
        self, engaged: frozenset[str], kinds: Container[LinkKind], same: Iterable[tuple[Thing, Thing]] = ()
    ) -> Aliases:
        """The names by the links of ``kinds`` that count, and those that are known to be the ``same`` otherwise."""
        aliases: dict[Thing, set[Thing]] = {}
        linked = (
            (link.left, link.right)
            for link in self._named_twice
            if link.kind in kinds and counts(link, engaged)
        )
        for left, right in (*linked, *same):
            one = aliases.get(left, {left}) | aliases.get(right, {right})
            aliases.update(dict.fromkeys(one, one))
        return Aliases((thing, min(names)) for thing, names in aliases.items())

    def rivals(
        self,
        span: Span,
        ours: Container[Thing],
        engaged: Container[str] = (),
        aliases: Aliases = Aliases(),
    ) -> Iterator[Span]:
        """The assignments of the carried object elsewhere by other publishers, each as long as it is in force.

        Two consolidated (shared) assignments do not contradict one another, nor does one that leads a box to the same consignment by
        another path: ``ours`` are the objects from which facts reach it. Neither do two names of one train (``aliases``). The
        ``engaged`` parties of this consignment say where its boxes ride, and nothing of the cargo of others.
        """
        link = span.link
        if link.kind not in TIMED:
            return
        other_end = aliases[_other_end(link)]
        for rival in self._of[link.kind, carried(link)]:
            if (
                rival.link.publisher != link.publisher
                and aliases[_other_end(rival.link)] != other_end
                and not (rival.link.shared and link.shared)
                and not (link.kind is LinkKind.CONTAINER_CARRIES and rival.link.right in ours)
            ):
                yield self.in_force(rival, engaged if link.kind in RIDES else ())


def _identity(path: Path) -> tuple[object, ...]:
    # A network has one span for each link, so spans are distinguished by identity.
    return path.thing, path.start, path.end, path.counted, tuple(map(id, path.spans))


def _other_end(link: Link) -> Thing:
    return link.right if link.kind is LinkKind.CONTAINER_CARRIES else link.left
