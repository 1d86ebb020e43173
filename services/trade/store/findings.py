"""The findings of a trade, computed from its stored events on read: versions of its data, declarations, rail notes, explanations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg import Connection

from schemas.events.base import Classifier, Milestone, ObjectKind, Role
from schemas.events.document import NoteAmended, NoteIssued
from schemas.events.movement_exceptions import Resealed
from schemas.events.trade import DatasetStated, FindingExplained
from services.domain.facts import Micros
from services.domain.liveness import judge
from services.domain.objects import trade_data
from services.domain.view import ClaimStatus
from services.ledger.registry.registry import Registry
from services.query.stored_events import Reread
from services.query.views import facts_of
from services.trade.domain.finding import rules
from services.trade.domain.paper import Paper
from services.trade.domain.trade_findings import Explanation, Source, TradeFinding, judged
from services.trade.formats.trade_papers import day_of, latest, note_paper, paper_sets
from services.trade.store.datasets import payload_of
from services.trade.store.filings import StatedFilings, filings_by
from services.trade.store.source import TradeSource, Views
from services.trade.store.trades import Trade, read_trade

DATASET = "DATASET"
"""The kind of paper that a version of the data is."""


@dataclass(frozen=True, slots=True)
class TradeFindings:
    """What the checks say of a trade, by the tables of ``as_of``: the latest day of what it states, None where it states nothing.

    ``stated_by`` is what each event (id in hexadecimal digits) states; ``moments`` when what it states happened, in microseconds.
    """

    trade: Trade
    filings: StatedFilings
    as_of: date | None
    findings: tuple[TradeFinding, ...]
    stated_by: Mapping[str, Source]
    moments: Mapping[str, Micros]

    @property
    def concerned(self) -> frozenset[str]:
        """Whose trade it is, whose versions of it count, and who lodged its declarations."""
        return self.trade.publishers.union(*self.filings.lodged_by.values())


def read_findings(
    session: Connection[Any],
    owner: str,
    reference: str,
    registry: Registry,
    as_of: Micros,
    views: Views | None = None,
) -> TradeFindings:
    """The findings of ``owner``'s trade ``reference``; the same of any order and any copies of the events. Raises Unreadable.

    ``views`` reads consignments, by default without a cache. The work is the same whoever will read what.
    """
    return findings_by(TradeSource(session, registry, as_of, views), owner, reference)


def findings_by(source: TradeSource, owner: str, reference: str) -> TradeFindings:
    """``read_findings`` from a source that may hold what is stored of many trades."""
    trade = read_trade(source, owner, reference)
    filings = filings_by(source, owner, reference)
    return findings_of(trade, filings, source.about(trade_data(owner, reference)))


def findings_of(trade: Trade, filings: StatedFilings, about: Sequence[Reread]) -> TradeFindings:
    """The findings of what was read of a trade; ``about`` are the events that name it, explanations among them. Pure."""
    liveness = judge((facts := facts_of(about)).withdrawals, facts.equivocated)
    live = [each for each in about if liveness.live(each.stored.id)]
    datasets = {each.event.stored.id.hex(): each.dataset for each, _ in trade.counting}
    notes = tuple(_notes(trade))
    sets, doubles = paper_sets(datasets, filings.filings, filings.corrections, notes)
    if not sets and not doubles:
        return TradeFindings(trade, filings, None, (), {}, {})
    moments = {each.event.stored.id.hex(): _happened(each.event) for each, _ in trade.counting}
    moments |= {each.declared.place.file: each.at for each in filings.filings}
    moments |= {each.amendment.declared.place.file: each.amendment.at for each in filings.corrections}
    as_of = day_of(max(moments.values()))
    stated_by = {
        **{
            each.declared.place.file: Source(each.declared.kind, each.declaration) for each in filings.filings
        },
        **{
            each.amendment.declared.place.file: Source(each.amendment.declared.kind, each.of)
            for each in filings.corrections
        },
        **{each.place.file: _note(each) for each in notes},
        **{event: Source(DATASET) for event in datasets},
    }
    salts = {source: filings.salts.get(source.name, "") for source in stated_by.values()}
    salts |= {_note(each): known for each in notes if (known := _salt_of(trade, each.place.file))}
    if trade.counting:
        first = min(
            (each for each, _ in trade.counting),
            key=lambda each: (each.dataset.version, each.event.stored.id),
        )
        salts[Source(DATASET)] = first.event.payload.salt
    found = judged(sets, doubles, stated_by, _explanations(trade, filings, live), salts, rules(as_of))
    return TradeFindings(trade, filings, as_of, found, stated_by, moments)


def _note(paper: Paper) -> Source:
    return Source(paper.kind, paper.number.value if paper.number else "")


def _salt_of(trade: Trade, event: str) -> str:
    id_ = bytes.fromhex(event)
    return next((known.sources[id_].payload.salt for known in trade.views if id_ in known.sources.ids), "")


def _happened(event: Reread) -> Micros:
    payload = payload_of(event)
    return payload.happened_micros if isinstance(payload, Milestone) else 0


def _notes(trade: Trade) -> Iterator[Paper]:
    """The rail notes under which the goods travel, as their last counting statement has them."""
    said: list[tuple[str, Micros, str, tuple[NoteIssued, bool, bool]]] = []
    for known in trade.views:
        events = {
            arrival.claim.event: known.sources[arrival.claim.event]
            for arrival in known.view.arrivals
            if arrival.status is ClaimStatus.COUNTED
        }
        stated = [(event, payload_of(each)) for event, each in sorted(events.items())]
        others = {payload.data.reference for _, payload in stated if isinstance(payload, DatasetStated)} - {
            trade.reference
        }
        amended = {payload.concerns for _, payload in stated if isinstance(payload, NoteAmended)}
        resealed = "SEALS" in amended or any(isinstance(payload, Resealed) for _, payload in stated)
        alone = not others and "WEIGHT" not in amended and len(trade.views) == 1
        said += [
            (of.key, payload.happened_micros, event.hex(), (payload, alone, resealed))
            for event, payload in stated
            if isinstance(payload, NoteIssued) and payload.classifier is Classifier.ACT
            for of in payload.objects
            if of.kind is ObjectKind.NOTE
        ]
    for note, (event, (payload, alone, resealed)) in latest(said).items():
        yield note_paper(note, event, payload, alone=alone, resealed=resealed)


def _explanations(trade: Trade, filings: StatedFilings, live: Iterable[Reread]) -> Iterator[Explanation]:
    """What the owner, who lodged a declaration and customs of its country said of findings."""
    lodged = frozenset[str]().union(*filings.lodged_by.values())
    countries = {declaration.partition("/")[0] for declaration in filings.lodged_by}
    for event in live:
        payload, party = payload_of(event), event.party
        official = Role.CUSTOMS in party.roles and not countries.isdisjoint(party.countries)
        if isinstance(payload, FindingExplained) and (party.code in lodged | {trade.owner} or official):
            of = payload.finding
            yield Explanation(
                event.stored.id.hex(),
                party.code,
                payload.happened_micros,
                of.check,
                of.lines,
                of.digest,
                payload.text,
            )
