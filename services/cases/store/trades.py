"""Trades that new events affect: what the checks find in them replaces what is stored, and their contradictions are causes of cases.

A trade is evaluated by itself, on everything ever accepted of it, so its findings depend on no clock; it is one of the subjects that wait beside
consignments, by the id of the object under which its versions are found.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas.events.base import ObjectKind, Payload
from schemas.events.customs_filing import Filing
from schemas.events.trade import DatasetStated, FindingExplained
from services.cases.domain.causes import Cause, Contradiction, contradicted
from services.cases.store import statement
from services.domain.facts import FOREVER, Facts
from services.domain.objects import TRADE_DATA, ObjectId, Thing, trade_data
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import smallints, uuids
from services.query.stored_events import Unreadable, reread
from services.trade.domain.finding import Verdict
from services.trade.store.findings import TradeFindings, findings_by
from services.trade.store.source import TradeSource

log = logging.getLogger(__name__)
Session = Connection[Any]
_STATING: tuple[type[Payload], ...] = (DatasetStated, FindingExplained, *Filing.__subclasses__())
STATING = tuple(sorted({each.spec.number for each in _STATING}))
"""The milestones that name a trade."""


class TradeRow(NamedTuple):
    """A row of ``lianyun.trade_finding``; ``found`` are check and verdict of each open finding, in order."""

    trade: ObjectId
    name: str
    found: tuple[str, ...]
    explained: int
    digest: bytes


class ExpectedTrade(NamedTuple):
    """What should be stored of one trade; no row where nothing counts that was stated of it."""

    row: TradeRow | None
    causes: tuple[Cause, ...]


def affected_trades(
    session: Session, facts: Facts, things: Iterable[ObjectId], consignments: Iterable[ObjectId]
) -> set[ObjectId]:
    """The trades that ``facts`` name, and those of which something is stated about ``things`` or what reaches ``consignments``; a superset."""
    named = {claim.thing.id for claim in facts.claims if _is_trade(claim.thing)}
    parameters = {
        "ids": uuids(sorted({*things, *consignments})),
        "conses": uuids(sorted({*consignments})),
        "stating": smallints(STATING),
    }
    return named | {row[0] for row in _rows(session, "trades_about", parameters)}


def trades_named(session: Session, ids: Iterable[ObjectId], registry: Registry) -> dict[ObjectId, str]:
    """Owner and reference of those of ``ids`` that are trades; of one of which no event can be read, none."""
    parameters = {"ids": uuids(sorted({*ids})), "stating": smallints(STATING)}
    numbers = {row[0]: row[1] for row in _rows(session, "trades_stated", parameters)}
    found: dict[ObjectId, str] = {}
    for stored in event_reader.events_by_number(session, sorted(set(numbers.values()))):
        try:
            claims = reread(stored, registry).facts.claims
        except Unreadable as problem:
            log.error("a trade stays as it was: %s", problem)
            continue
        found |= {
            each.thing.id: each.thing.key.removeprefix(TRADE_DATA) for each in claims if _is_trade(each.thing)
        }
    return {id_: found[id_] for id_ in numbers if id_ in found}


IN_A_SET = 50
"""Trades of which everything is read in a few statements."""


def expected_trades(
    session: Session, names: Sequence[str], registry: Registry
) -> Iterator[tuple[str, ExpectedTrade | Unreadable]]:
    """What should be stored of each trade ``owner/reference``, in order. Some milliseconds of processor time a trade."""
    for at in range(0, len(names), IN_A_SET):
        several = [
            (owner, reference)
            for owner, _, reference in (n.partition("/") for n in names[at : at + IN_A_SET])
        ]
        source = TradeSource(session, registry, FOREVER)
        with suppress(Unreadable):  # one by one it is said which
            source.prepare(several)
        for owner, reference in several:
            try:
                yield (
                    f"{owner}/{reference}",
                    _expected(findings_by(source, owner, reference), owner, reference),
                )
            except Unreadable as problem:
                yield f"{owner}/{reference}", problem


def _expected(found: TradeFindings, owner: str, reference: str) -> ExpectedTrade:
    trade = trade_data(owner, reference)
    if found.as_of is None:
        return ExpectedTrade(None, ())
    seen = [each for each in found.findings if each.open]
    said = "\n".join(
        f"{each.finding.check} {each.finding.verdict} {each.finding.line} {each.digest} {each.explained}"
        for each in found.findings
    )
    row = TradeRow(
        trade.id,
        f"{owner}/{reference}",
        tuple(sorted(f"{each.finding.check} {each.finding.verdict}" for each in seen)),
        sum(each.explained for each in found.findings),
        hashlib.sha256(said.encode()).digest(),
    )
    return ExpectedTrade(row, tuple(contradicted(trade, _contradictions(found))))


def _contradictions(found: TradeFindings) -> Iterable[Contradiction]:
    parties = tuple(sorted(found.concerned))
    for each in found.findings:
        if each.open and each.finding.verdict is Verdict.CONTRADICTION:
            since = max((found.moments[event] for event in each.events if event in found.moments), default=0)
            events = tuple(bytes.fromhex(event) for event in each.events)
            yield Contradiction(each.finding.check, since, events, parties)


def replace_rows(session: Session, trades: Iterable[ObjectId], rows: Sequence[TradeRow]) -> None:
    """Store ``rows`` in place of what is stored of ``trades``."""
    session.execute(statement("drop_trades"), {"ids": uuids(sorted({*trades}))})
    if rows:
        session.cursor().executemany(statement("put_trade"), [trade_values(row) for row in sorted(rows)])


def trade_values(row: TradeRow) -> dict[str, Any]:
    """A row by the names of its columns."""
    return {**row._asdict(), "trade": row.trade.hex(), "found": list(row.found)}


def _is_trade(thing: Thing) -> bool:
    return thing.kind is ObjectKind.PLACE and thing.key.startswith(TRADE_DATA)


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[Any]:
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement(name), parameters).fetchall()
