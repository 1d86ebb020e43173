"""Findings of one trade: what the checks say of the papers that its events state, and which of these somebody explained.

A pure function of papers, explanations and the tables of a day; of any order and any copies the same. The place of each value names the event
that states it. The digest of a finding covers what it says and every value as written, under the salts of all papers of these kinds: whoever may
not read one of them cannot guess its values from the digest. An explanation names the digest, so it counts as long as the values are the same.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import orjson

from services.runtime.code_digest import sources, version_of
from services.trade.domain.checks import CHECKS, findings
from services.trade.domain.checks.shipment import Shipment
from services.trade.domain.finding import Finding, Rules, Verdict
from services.trade.domain.paper import Paper, PaperSet

OPEN: Final = (Verdict.CONTRADICTION, Verdict.REVIEW, Verdict.NOT_COMPARABLE)
"""Verdicts that are for somebody to look at."""


@cache
def checks_version() -> str:
    """Digest of the checks, of what they share and of their tables: by another one every trade is looked at anew."""
    code = sources("services.trade.domain", "services.trade.domain.checks", "services.trade.formats")
    folder = files("services.trade.domain") / "data"
    tables = {each.name: each.read_bytes() for each in folder.iterdir() if each.name.endswith(".csv")}
    return version_of({**code, **tables})


class Source(NamedTuple):
    """What an event states: a paper by its kind, and its name where there are several (a declaration, a note)."""

    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Who explained a finding, by its check, lines and digest, at which moment and how; ``event`` is the signed explanation's id."""

    event: str
    by: str
    at: int
    check: str
    lines: str
    digest: str
    text: str


@dataclass(frozen=True, slots=True)
class TradeFinding:
    """A finding with the digest by which it may be explained ("" where there is nothing to explain), and the explanations that count for it.

    These are in the order of their moments.
    """

    finding: Finding
    digest: str
    explanations: tuple[Explanation, ...] = ()

    @property
    def explained(self) -> bool:
        """Whether somebody explained it, as its values are now."""
        return bool(self.explanations)

    @property
    def open(self) -> bool:
        """Whether somebody has to look at it."""
        return self.finding.verdict in OPEN and not self.explanations

    @property
    def events(self) -> tuple[str, ...]:
        """The ids of the events that state its values, in order."""
        return tuple(sorted({value.place.file for value in self.finding.values} - {""}))


def judged(
    sets: Sequence[PaperSet],
    doubles: Sequence[Paper],
    stated_by: Mapping[str, Source],
    explanations: Iterable[Explanation],
    salts: Mapping[Source, str],
    rules: Rules,
) -> tuple[TradeFinding, ...]:
    """What every check says of each of ``sets`` (several where it is open which version of the data counts), and D31 of ``doubles``.

    ``stated_by`` is what each event states, ``salts`` the salt of the first event of each paper. In the order of checks, verdicts and lines.
    """
    found = {finding: None for each in sets for finding in findings(each, rules)}
    if doubles:
        found |= dict.fromkeys(CHECKS["D31"](Shipment(PaperSet(tuple(doubles)), rules)))
    known: dict[tuple[str, str], list[Explanation]] = defaultdict(list)
    for each in sorted(set(explanations), key=lambda each: (each.at, each.event)):
        known[each.check, each.digest].append(each)
    by_content: dict[Hashable, TradeFinding] = {}
    several = len(sets) > 1
    for n, finding in enumerate(found):
        digest = digest_of(finding, stated_by, salts) if finding.verdict in OPEN else ""
        one = TradeFinding(finding, digest, tuple(known.get((finding.check, digest), ())))
        content: Hashable = digest or (finding if several else n)
        other = by_content.get(content)
        by_content[content] = one if other is None else min(one, other, key=lambda each: each.events)
    return tuple(sorted(by_content.values(), key=_order))


_ORDER: Final = {verdict: n for n, verdict in enumerate((*OPEN, Verdict.MISSING, Verdict.MATCH))}


def _order(each: TradeFinding) -> tuple[str, int, str, str]:
    finding = each.finding
    return finding.check, _ORDER[finding.verdict], finding.line, each.digest


def digest_of(finding: Finding, stated_by: Mapping[str, Source], salts: Mapping[Source, str]) -> str:
    """HMAC-SHA256 of what ``finding`` says, of which values, as written in which papers, and by which arithmetic.

    Its key are the salts of every paper of the kinds that it compares, also of those whose values it leaves out of a long sum.
    """
    papers = [stated_by.get(each.place.file, Source("")) for each in finding.values]
    kinds = {each.kind for each in papers}
    key = "\n".join(salts[each] for each in sorted(salts) if each.kind in kinds)
    values = [[*paper, each.written] for paper, each in zip(papers, finding.values, strict=True)]
    said = [finding.check, finding.verdict, finding.reason, finding.line, values, finding.arithmetic]
    return hmac.new(key.encode(), orjson.dumps(said), hashlib.sha256).hexdigest()
