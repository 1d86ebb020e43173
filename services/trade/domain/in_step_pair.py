"""One pair of sides of a trade, element by element: what each states, what the dataset states now and stated before, and who has not followed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from services.trade.domain.dataset import Dataset, lineage
from services.trade.domain.filing import Amendment
from services.trade.domain.finding import Rules, rules
from services.trade.domain.in_step_elements import ELEMENTS, Element, Stated
from services.trade.domain.in_step_filings import Current, Reason
from services.trade.domain.in_step_rules import SIDES, Act, Due, FollowRule, Follows, StepRules
from services.trade.domain.paper import Kind, Paper
from services.trade.domain.values import Field


class Status(StrEnum):
    """How two sides stand to one another in one element; the graver the later."""

    SAME = "SAME"
    ALLOWED = "ALLOWED"
    STALE = "STALE"
    FROZEN = "FROZEN"
    REFUSED = "REFUSED"
    QUESTION = "QUESTION"


_GRAVITY: Final = tuple(Status)


@dataclass(frozen=True, slots=True)
class Since:
    """What a side has not followed: a version of the dataset, or an amendment of the other side with its moment in microseconds."""

    version: int | None = None
    amendment: str = ""
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Lag:
    """Declarations of one side that have not followed: STALE, FROZEN or REFUSED, why, since what, and by when they have to."""

    declarations: tuple[str, ...]
    kind: Kind
    status: Status
    reason: Reason
    since: Since
    due: Due


@dataclass(frozen=True, slots=True)
class PairStatus:
    """One element of one pair of sides. ``line`` names the lines of both, "" for the whole; ``rule`` is that of the table, None of a question of facts.

    A pair has several declarations on a side where their lines are merged or split. Of an amendment or version without a place, one side may be empty.
    """

    left: tuple[str, ...]
    right: tuple[str, ...]
    element: str
    line: str
    status: Status
    reason: Reason
    values: tuple[tuple[Field[Any], ...], tuple[Field[Any], ...]] = ((), ())
    rule: FollowRule | None = None
    lags: tuple[Lag, ...] = ()
    due: Due | None = None
    """By when a declarant has to confirm what customs ask for."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Lines that stand for one another: by declaration those of each side, and the dataset lines between."""

    left: Mapping[str, frozenset[str]] = field(default_factory=dict)
    right: Mapping[str, frozenset[str]] = field(default_factory=dict)
    dataset: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """The ids of its dataset lines, which every side has in common."""
        return "+".join(sorted(self.dataset))


class TradeVersions:
    """The versions of one trade under the tables of one day; where lines stand in them and in papers is found once."""

    def __init__(self, versions: Mapping[str, Dataset], step_rules: StepRules) -> None:
        self.versions, self.step_rules = versions, step_rules
        self.rules: Rules = rules(step_rules.as_of)
        self.lineage = lineage(versions.values())
        self.heads = tuple(versions[each] for each in self.lineage.heads)
        self.ids = {line.id for each in versions.values() for line in each.lines}
        self._lines: dict[int, dict[str, tuple[int, ...]]] = {}
        self._positions: dict[str, dict[str, int]] = {}

    def lines(self, paper: Paper) -> Mapping[str, tuple[int, ...]]:
        """Where in ``paper`` the lines of each number stand; found once, because every element needs it."""
        if id(paper) not in self._lines:
            found: dict[str, tuple[int, ...]] = {}
            for at, line in enumerate(paper.lines):
                found[line.number] = (*found.get(line.number, ()), at)
            self._lines[id(paper)] = found
        return self._lines[id(paper)]

    def positions(self, dataset: Dataset) -> Mapping[str, int]:
        """Where in ``dataset`` each line stands."""
        if dataset.digest not in self._positions:
            self._positions[dataset.digest] = {line.id: at for at, line in enumerate(dataset.lines)}
        return self._positions[dataset.digest]


def connected(edges: Iterable[tuple[Hashable, Hashable]]) -> list[frozenset[Any]]:
    """The parts of a graph that hang together."""
    near: dict[Hashable, set[Hashable]] = defaultdict(set)
    for one, other in edges:
        near[one].add(other)
        near[other].add(one)
    parts, seen = [], set()
    for start in near:
        if start in seen:
            continue
        part, waiting = {start}, [start]
        while waiting:
            for each in near[waiting.pop()] - part:
                part.add(each)
                waiting.append(each)
        seen |= part
        parts.append(frozenset(part))
    return parts


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of one element: what it states now, what it should by each version, what changed it last, and the changes that its authority refused."""

    filings: tuple[Current, ...]
    stated: Stated
    changed: Amendment | None
    refused: tuple[tuple[Amendment, Stated], ...]
    then: Hashable
    then_known: bool
    now: tuple[Hashable, ...]

    @property
    def declarations(self) -> tuple[str, ...]:
        return tuple(each.filing.declaration for each in self.filings)


class Pair:
    """The declarations of two sides that belong together."""

    def __init__(self, trade: TradeVersions, left: Sequence[Current], right: Sequence[Current]) -> None:
        self.trade, self.sides = trade, (tuple(left), tuple(right))
        self.groups = self._groups()

    def _groups(self) -> list[_Group]:
        edges = [
            ((n, each.filing.declaration, link.declared), ("line", link.dataset, ""))
            for n, side in enumerate(self.sides)
            for each in side
            for link in each.filing.links
            if link.declared in self.trade.lines(each.declared)
            and (not self.trade.ids or link.dataset in self.trade.ids)
        ]
        groups = []
        for part in connected(edges):
            lines: tuple[dict[str, set[str]], dict[str, set[str]]] = (defaultdict(set), defaultdict(set))
            for node in part:
                if node[0] != "line":
                    lines[node[0]][node[1]].add(node[2])
            if lines[0] and lines[1]:
                groups.append(
                    _Group(
                        {name: frozenset(numbers) for name, numbers in lines[0].items()},
                        {name: frozenset(numbers) for name, numbers in lines[1].items()},
                        frozenset(node[1] for node in part if node[0] == "line"),
                    )
                )
        return sorted(groups, key=lambda each: each.label)

    def statuses(self) -> list[PairStatus]:
        """Every element that one of the sides states."""
        found = []
        for element in ELEMENTS.values():
            for group in [_Group()] if element.of_papers else self.groups:
                status = self._status(element, group)
                if status is not None:
                    found.append(status)
        return found

    @property
    def _covered(self) -> frozenset[str] | None:
        """The dataset lines that the pair declares; None where links are not stated."""
        if any(not each.filing.links for side in self.sides for each in side):
            return None
        return frozenset(link.dataset for side in self.sides for each in side for link in each.filing.links)

    def _status(self, element: Element, group: _Group) -> PairStatus | None:
        sides = tuple(self._side(element, group, n) for n in (0, 1))
        kinds = [each.filings[0].filing.kind for each in sides]
        try:
            rows = [self.trade.step_rules.follow(element.number, each.filings[0].filing) for each in sides]
        except KeyError:
            return None
        carried = [
            SIDES[kind] in row.carried_by and bool(side.stated.fields or kind not in element.optional_on)
            for kind, row, side in zip(kinds, rows, sides, strict=True)
        ]
        if not any(each.stated.fields for each in sides) or not any(carried):
            return None
        lines = max(
            1, *(sum(len(paper.lines) for paper in (c.declared for c in side)) for side in self.sides)
        )
        if element.of_lines:
            lines = max(1, sum(map(len, group.left.values())), sum(map(len, group.right.values())))
        return self._judged(element, group, sides, rows, carried, lines)

    def _judged(
        self,
        element: Element,
        group: _Group,
        sides: tuple[_Side, ...],
        rows: Sequence[FollowRule],
        carried: Sequence[bool],
        lines: int,
    ) -> PairStatus:
        same = element.same(sides[0].stated.key, sides[1].stated.key, self.trade.rules, lines)
        rule = rows[0] if carried[0] else rows[1]

        def status(
            of: Status, reason: Reason, lags: tuple[Lag, ...] = (), due: Due | None = None
        ) -> PairStatus:
            return PairStatus(
                sides[0].declarations, sides[1].declarations, element.number, group.label, of, reason,
                (sides[0].stated.fields, sides[1].stated.fields), rule, lags, due,
            )  # fmt: skip

        if rule.follows is not Follows.MUST:
            return status(Status.SAME, Reason.AGREES) if same else status(Status.ALLOWED, Reason.BY_RULE)
        if any(len(set(side.now)) > 1 for side in sides):
            return status(Status.QUESTION, Reason.FORK if self.trade.lineage.forks else Reason.GAP)
        both = all(each.stated.fields for each in sides)
        behind = [self._behind(element, each, lines) for each in sides]
        lags = tuple(
            self._lag(element, side, Reason.DATASET_MOVED, self._since(element, group, side), lines)
            for side, moved in zip(sides, behind, strict=True)
            if moved
        )
        if lags:
            gravest = max(lags, key=lambda each: _GRAVITY.index(each.status))
            return status(gravest.status, gravest.reason, lags)
        corrected = next((each for each in sides if self._by_customs(each)), None)
        if corrected is not None and not same:
            due = self.trade.step_rules.due(
                corrected.filings[0].filing.kind,
                Act.CONFIRM,
                corrected.changed.at if corrected.changed else None,
            )
            return status(Status.ALLOWED, Reason.BY_CUSTOMS, due=due)
        if same:
            if self._off(element, sides, lines):
                return status(Status.QUESTION, Reason.DATASET_BEHIND)
            return status(Status.SAME, Reason.AGREES)
        if not both:
            if not all(carried):
                return status(Status.ALLOWED, Reason.ONE_SIDE)
            return status(Status.QUESTION, Reason.ABSENT)
        changed = [each.changed for each in sides]
        if all(changed):
            return status(Status.QUESTION, Reason.BOTH_AMENDED)
        if any(changed):
            mover, follower = sides if changed[0] else (sides[1], sides[0])
            since = Since(None, mover.changed.number, mover.changed.at) if mover.changed else Since()
            lag = self._lag(element, follower, Reason.OTHER_AMENDED, since, lines, mover.stated)
            return status(lag.status, lag.reason, (lag,))
        if same is None:
            return status(Status.ALLOWED, Reason.NOT_COMPARED)
        if any(not each.then_known for each in sides) and self.trade.versions:
            return status(Status.QUESTION, Reason.VERSION_UNKNOWN)
        return status(Status.QUESTION, Reason.DIFFERS_FROM_START)

    @staticmethod
    def _by_customs(side: _Side) -> bool:
        return side.changed is not None and side.changed.by_customs

    def _off(self, element: Element, sides: tuple[_Side, ...], lines: int) -> bool:
        """Whether a side was amended to what the dataset does not state."""
        return any(
            each.changed is not None
            and each.now != ()
            and element.same(each.stated.own, each.now[0], self.trade.rules, lines) is False
            and type(each.stated.own) is type(each.now[0])
            for each in sides
        )

    def _behind(self, element: Element, side: _Side, lines: int) -> bool:
        """Whether the dataset has moved on from what the side was made from and the side does not state what it says now."""
        if not side.now or not side.then_known or not side.stated.fields or side.then == side.now[0]:
            return False
        if self._by_customs(side):
            return False
        if side.stated.own == side.then:
            return True
        agrees = element.same(side.stated.own, side.now[0], self.trade.rules, lines)
        if agrees is None:
            return side.changed is None
        return not agrees

    def _since(self, element: Element, group: _Group, side: _Side) -> Since:
        """The first version that states what the dataset states now."""
        kind = side.filings[0].filing.kind
        head = self.trade.heads[0]
        first, each = head, head
        while (before := self.trade.versions.get(each.previous)) is not None:
            if self._expected(element, group, before, kind) != side.now[0]:
                break
            first = each = before
        return Since(first.version)

    def _lag(
        self,
        element: Element,
        side: _Side,
        reason: Reason,
        since: Since,
        lines: int,
        wanted: Stated | None = None,
    ) -> Lag:
        kind = side.filings[0].filing.kind
        due = self.trade.step_rules.due(kind, Act.FOLLOW, since.at)
        frozen = next(
            (row for each in side.filings if (row := self.trade.step_rules.frozen(each.filing))), None
        )
        status = Status.STALE
        if any(self._in_vain(element, stated, side, wanted, lines) for _, stated in side.refused):
            status, reason = Status.REFUSED, Reason.CHANGE_REFUSED
        elif frozen is not None:
            status, reason = Status.FROZEN, Reason(frozen.rule)
        return Lag(side.declarations, kind, status, reason, since, due)

    def _in_vain(
        self, element: Element, stated: Stated, side: _Side, wanted: Stated | None, lines: int
    ) -> bool:
        """Whether the refused change is what the side lacks."""
        if wanted is not None:
            return element.same(stated.key, wanted.key, self.trade.rules, lines) is not False
        return element.same(stated.own, side.now[0], self.trade.rules, lines) is not False

    def _side(self, element: Element, group: _Group, n: int) -> _Side:
        numbers = (group.left, group.right)[n]
        filings = tuple(
            each for each in self.sides[n] if element.of_papers or each.filing.declaration in numbers
        )
        kind = filings[0].filing.kind

        def stated(papers: Sequence[tuple[Current, Paper]]) -> Stated:
            if element.of_papers:
                return element.of_papers([paper for _, paper in papers])
            found = [
                sorted(
                    placed
                    for number in numbers.get(each.filing.declaration, ())
                    for placed in self.trade.lines(paper).get(number, ())
                )
                for each, paper in papers
            ]
            lines = [
                paper.lines[at] for (_, paper), several in zip(papers, found, strict=True) for at in several
            ]
            return element.of_lines(lines) if element.of_lines else Stated()

        current = [(each, each.declared) for each in filings]
        changes, in_vain = [], []
        for each in filings:
            before = stated([(each, each.filing.declared)])
            for paper, amendment in each.states[1:]:
                after = stated([(each, paper)])
                if amendment is not None and not _equal(before, after):
                    changes.append(amendment)
                before = after
            for refused in each.refused:
                wanted = stated([(each, refused.declared)])
                if not _equal(before, wanted):
                    others = [
                        (other, refused.declared if other is each else other.declared) for other in filings
                    ]
                    in_vain.append((refused, stated(others)))
        versions = {each.version for each in filings}
        made = self.trade.versions.get(next(iter(versions))) if len(versions) == 1 else None
        return _Side(
            filings,
            stated(current),
            max(changes, key=lambda each: (each.at, each.number), default=None),
            tuple(in_vain),
            None if made is None else self._expected(element, group, made, kind),
            made is not None,
            tuple(self._expected(element, group, each, kind) for each in self.trade.heads)
            if element.of_dataset or element.of_dataset_lines
            else (),
        )

    def _expected(self, element: Element, group: _Group, dataset: Dataset, kind: Kind) -> Hashable:
        """What ``dataset`` states of the element, of the lines of the group or of all that the pair declares."""
        if element.of_dataset:
            return element.of_dataset(dataset, kind)
        if element.of_dataset_lines is None:
            return None
        wanted: Collection[str] | None = group.dataset if element.of_lines else self._covered
        known = self.trade.positions(dataset)
        at = (
            range(len(dataset.lines)) if wanted is None else sorted(known[id] for id in wanted if id in known)
        )
        lines = [dataset.lines[each] for each in at]
        return element.of_dataset_lines(dataset, lines) if lines else None


def _equal(one: Stated, other: Stated) -> bool:
    """Whether a side states the same in both."""
    return one.own == other.own and (one.own is not None or one.written == other.written)
