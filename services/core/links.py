"""What belongs to what at a moment: effective ends of links, and the directed paths that facts take.

Facts travel one way only: train -> wagon -> container -> (booking ->) consignment, and
declaration -> note (-> the note it replaced) -> (booking ->) consignment. There is no reachability beyond that path,
so a box that two consignments shared never carries the facts of one note into the other's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.core.facts import FOREVER, SINCE_EVER, TIMED, Link, LinkKind, Micros
from services.core.objects import Thing

FILLING: Micros = 7 * 24 * 3_600_000_000
"""How long a consolidated box may be filled: later shared assignments are another journey."""


def carried(link: Link) -> Thing:
    """The object that can be in one place only: the box of a box link, what is carried of the others."""
    return link.left if link.kind is LinkKind.CONTAINER_CARRIES else link.right


@dataclass(frozen=True, slots=True)
class Span:
    """A link with the half-open interval in which it is in force."""

    link: Link
    start: Micros
    end: Micros

    def holds(self, at: Micros) -> bool:
        return self.start <= at < self.end


def spans(links: Iterable[Link]) -> tuple[Span, ...]:
    """Give each live link its interval: an open end stops at the next start of the same publisher for that object.

    Shared assignments of a box that start within FILLING of one another are one filling and do not end each other.
    Links that are not timed hold for ever. ``links`` must be the live links of one set of facts.
    """
    every = tuple(links)
    starts: dict[tuple[LinkKind, Thing, str], set[tuple[Micros, bool]]] = defaultdict(set)
    for link in every:
        if link.kind in TIMED:
            starts[link.kind, carried(link), link.publisher].add((link.start, link.shared))
    return tuple(_span(link, starts) for link in every)


def _span(link: Link, starts: Mapping[tuple[LinkKind, Thing, str], set[tuple[Micros, bool]]]) -> Span:
    if link.kind not in TIMED:
        return Span(link, SINCE_EVER, FOREVER)
    if link.end is not None:
        return Span(link, link.start, link.end)
    later = (
        start
        for start, shared in starts[link.kind, carried(link), link.publisher]
        if start > link.start + (FILLING if shared and link.shared else 0)
    )
    return Span(link, link.start, min(later, default=FOREVER))


@dataclass(frozen=True, slots=True)
class Path:
    """A way by which facts about ``thing`` reach a consignment, in force in [start, end)."""

    thing: Thing
    spans: tuple[Span, ...]  # from the thing to the consignment
    start: Micros = SINCE_EVER
    end: Micros = FOREVER

    def holds(self, at: Micros) -> bool:
        return self.start <= at < self.end

    def counted(self, engaged: frozenset[str]) -> bool:
        """Whether every link on the way is the word of somebody engaged, or of the territory's own authority."""
        return all(s.link.territorial or s.link.publisher in engaged for s in self.spans)

    @property
    def by_train(self) -> bool:
        return any(s.link.kind in (LinkKind.TRAIN_CARRIES, LinkKind.WAGON_CARRIES) for s in self.spans)


class Network:
    """The live links of a set of facts, indexed for walking from a consignment up to what reaches it."""

    def __init__(self, links: Iterable[Link]) -> None:
        self._into: dict[Thing, list[Span]] = defaultdict(list)
        self._of: dict[tuple[LinkKind, Thing], list[Span]] = defaultdict(list)
        self.same: list[Link] = []
        for span in spans(links):
            if span.link.kind is LinkKind.SAME_CONSIGNMENT:
                self.same.append(span.link)
                continue
            self._into[span.link.right].append(span)
            self._of[span.link.kind, carried(span.link)].append(span)

    def paths(self, consignments: Iterable[Thing]) -> tuple[Path, ...]:
        """Every path that ends in one of ``consignments``; the consignments themselves are the empty paths."""
        return tuple(path for c in consignments for path in self._up(Path(c, ())))

    def _up(self, path: Path) -> Iterator[Path]:
        yield path
        for span in self._into.get(path.thing, ()):
            start, end = max(path.start, span.start), min(path.end, span.end)
            walked = span.link.left == path.thing or any(s.link.left == span.link.left for s in path.spans)
            if start < end and not walked:
                yield from self._up(Path(span.link.left, (span, *path.spans), start, end))

    def disputed(self, span: Span, at: Micros, ours: Container[Thing]) -> bool:
        """Whether another publisher says that the carried object belongs elsewhere at that moment.

        Two consolidated (shared) assignments do not contradict one another, nor does one that leads a box to the same
        consignment another way: ``ours`` holds the things from which facts reach it.
        """
        link = span.link
        if link.kind not in TIMED:
            return False
        other_end = _other_end(link)
        return any(
            rival.holds(at)
            and rival.link.publisher != link.publisher
            and _other_end(rival.link) != other_end
            and not (rival.link.shared and link.shared)
            and not (link.kind is LinkKind.CONTAINER_CARRIES and rival.link.right in ours)
            for rival in self._of[link.kind, carried(link)]
        )


def _other_end(link: Link) -> Thing:
    return link.right if link.kind is LinkKind.CONTAINER_CARRIES else link.left
