"""Whether the declarations of one trade are in step: for each pair of sides and element one status, with both values as written.

Computed from the versions of a dataset, the filings made from them and their amendments, whatever their order and however many copies there
are. Lines stand for one another by stated links only. What cannot be decided is a QUESTION; nothing is corrected and nothing guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from services.trade.domain.dataset import Dataset
from services.trade.domain.filing import Filing, Phase
from services.trade.domain.in_step_elements import ELEMENTS
from services.trade.domain.in_step_filings import Correction, Current, Issue, Reason, assemble
from services.trade.domain.in_step_pair import Pair, PairStatus, Status, TradeVersions, connected
from services.trade.domain.in_step_rules import SIDES, StepRules
from services.trade.domain.paper import Kind

_ENDED: Final = (Phase.CANCELLED, Phase.REFUSED)


def in_step(
    versions: Iterable[Dataset],
    filings: Iterable[Filing],
    corrections: Iterable[Correction],
    step_rules: StepRules,
    unclear: Iterable[tuple[str, ...]] = (),
) -> tuple[PairStatus, ...]:
    """The statuses of every trade that ``filings`` are of; the same for any order and copies of what is given.

    ``unclear``: numbers of which it is not known whether they are one declaration's (``declaration_numbers``).
    """
    currents, issues = assemble(filings, corrections)
    by_trade: dict[str, dict[str, Dataset]] = defaultdict(dict)
    for version in versions:
        by_trade[version.reference][version.digest] = version
    found = [_question(each) for each in issues]
    found += [
        PairStatus(each, (), "1", "", Status.QUESTION, Reason.NUMBERS_UNCLEAR)
        for each in sorted(set(unclear))
    ]
    for reference in sorted({each.filing.dataset for each in currents} | set(by_trade)):
        trade = _Trade(
            by_trade.get(reference, {}),
            [each for each in currents if each.filing.dataset == reference],
            step_rules,
        )
        found += trade.statuses()
    return tuple(sorted(found, key=_order))


def _order(status: PairStatus) -> tuple[object, ...]:
    elements = list(ELEMENTS)
    at = elements.index(status.element) if status.element in elements else -1
    return status.left, status.right, at, status.line, status.reason, repr(status.values)


def _question(issue: Issue) -> PairStatus:
    return PairStatus((issue.declaration,), (), "1", "", Status.QUESTION, issue.reason, (issue.values, ()))


class _Trade(TradeVersions):
    """The versions and filings of one trade."""

    def __init__(
        self, versions: Mapping[str, Dataset], filings: Sequence[Current], step_rules: StepRules
    ) -> None:
        super().__init__(versions, step_rules)
        self.filings = filings

    def statuses(self) -> list[PairStatus]:
        """Those of the versions, of lines without a link, and of each pair of sides."""
        sides = {
            kind: [
                each for each in self.filings if each.filing.kind is kind and each.filing.phase not in _ENDED
            ]
            for kind in SIDES
        }
        found = [*self._of_versions(), *self._of_links(), *self._ended(sides), *self._uncovered(sides)]
        kinds = list(SIDES)
        for n, left in enumerate(kinds):
            for right in kinds[n + 1 :]:
                for ours, theirs in self._together(sides[left], sides[right]):
                    found += Pair(self, ours, theirs).statuses()
        return found

    def _of_versions(self) -> list[PairStatus]:
        problems = [
            (Reason.FORK, self.lineage.heads if self.lineage.forks else ()),
            (Reason.GAP, self.lineage.gaps),
            (Reason.MISNUMBERED, self.lineage.misnumbered),
        ]
        return [
            PairStatus((), (), "1", ", ".join(self._named(each) for each in digests), Status.QUESTION, reason)
            for reason, digests in problems
            if digests
        ]

    def _named(self, digest: str) -> str:
        known = self.versions.get(digest)
        return f"{digest[:12]}" if known is None else f"{known.reference} {known.version} ({digest[:12]})"

    def _of_links(self) -> list[PairStatus]:
        """Lines that no link says anything of, and links of lines that are nowhere."""
        found = []
        for each in self.filings:
            if each.filing.phase in _ENDED:
                continue
            linked = {link.declared for link in each.filing.links}
            bare = [line for line in each.declared.lines if line.number not in linked]
            stray = sorted({link.dataset for link in each.filing.links} - self.ids) if self.ids else []
            declaration = (each.filing.declaration,)
            if bare:
                numbers = "+".join(line.number for line in bare)
                found.append(PairStatus(declaration, (), "23", numbers, Status.QUESTION, Reason.NO_LINK))
            if stray:
                found.append(
                    PairStatus(declaration, (), "23", "+".join(stray), Status.QUESTION, Reason.LINK_UNKNOWN)
                )
        return found

    def _ended(self, sides: Mapping[Kind, Sequence[Current]]) -> list[PairStatus]:
        """Declarations that were refused, and those that were cancelled while another side stands."""
        found = []
        for each in self.filings:
            others = tuple(
                other.filing.declaration
                for kind, several in sides.items()
                if kind is not each.filing.kind
                for other in several
            )
            values = ((each.declared.number,) if each.declared.number else (), ())
            if each.filing.phase is Phase.REFUSED:
                found.append(
                    PairStatus(
                        (each.filing.declaration,),
                        others,
                        "1",
                        "",
                        Status.REFUSED,
                        Reason.DECLARATION_REFUSED,
                        values,
                    )
                )
            elif each.filing.phase is Phase.CANCELLED and others and not sides[each.filing.kind]:
                found.append(
                    PairStatus(
                        (each.filing.declaration,),
                        others,
                        "1",
                        "",
                        Status.QUESTION,
                        Reason.COUNTERPART_CANCELLED,
                        values,
                    )
                )
        return found

    def _uncovered(self, sides: Mapping[Kind, Sequence[Current]]) -> list[PairStatus]:
        """Lines of the dataset that one side declares and another, which is there with links, does not."""
        covered = {
            kind: {
                link.dataset
                for each in several
                for link in each.filing.links
                if link.declared in self.lines(each.declared)
            }
            for kind, several in sides.items()
            if several and all(each.filing.links for each in several)
        }
        declared = set().union(*covered.values()) if covered else set()
        return [
            PairStatus(
                tuple(each.filing.declaration for each in sides[kind]),
                (),
                "23",
                "+".join(sorted(missing)),
                Status.QUESTION,
                Reason.UNCOVERED,
            )
            for kind, ids in covered.items()
            if (missing := declared - ids)
        ]

    def _together(
        self, left: Sequence[Current], right: Sequence[Current]
    ) -> list[tuple[list[Current], list[Current]]]:
        """The declarations of two sides that share lines, directly or over others; all of them where one states no links."""
        if not left or not right:
            return []
        if any(not each.filing.links for each in (*left, *right)):
            return [(list(left), list(right))]
        edges = [
            ((side, each.filing.declaration), ("line", link.dataset))
            for side, several in (("left", left), ("right", right))
            for each in several
            for link in each.filing.links
        ]
        found = []
        for part in connected(edges):
            ours = [each for each in left if ("left", each.filing.declaration) in part]
            theirs = [each for each in right if ("right", each.filing.declaration) in part]
            if ours and theirs:
                found.append((ours, theirs))
        return found
