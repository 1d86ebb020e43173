"""The filings of a trade as events state them: those made from its data, with all that was said of their declarations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from psycopg import Connection

from schemas.events.base import CustomsMilestone, ObjectKind
from schemas.events.customs import Accepted
from schemas.events.customs_filing import Filing as FiledValues
from services.domain.facts import LinkKind, Micros
from services.domain.liveness import judge
from services.domain.objects import Thing, trade_data
from services.ledger.registry.registry import Registry
from services.query.stored_events import Reread
from services.query.views import facts_of
from services.trade.domain.declaration_numbers import Numbers, given_number, numbers_of
from services.trade.domain.filing import Filing
from services.trade.domain.in_step_filings import Correction
from services.trade.formats.declared import Statement, filings_of
from services.trade.store.datasets import payload_of
from services.trade.store.source import TradeSource


class StatedFilings(NamedTuple):
    """What was said of the declarations of one trade; ``lodged_by`` are all who said what a declaration states, by the declaration.

    A declaration goes by the number of customs; ``numbers`` are those that it has beside, and what may be one and is not known to be.
    ``salts`` is the salt of the first event that states values of each declaration.
    """

    filings: tuple[Filing, ...]
    corrections: tuple[Correction, ...]
    lodged_by: Mapping[str, frozenset[str]]
    salts: Mapping[str, str]
    numbers: Numbers


def stated_filings(
    session: Connection[Any], owner: str, reference: str, registry: Registry, as_of: Micros
) -> StatedFilings:
    """``filings_by`` from a source of its own."""
    return filings_by(TradeSource(session, registry, as_of), owner, reference)


def filings_by(source: TradeSource, owner: str, reference: str) -> StatedFilings:
    """What is declared of ``owner``'s trade ``reference``; the same of any order and any copies of the events.

    Which amendments count is decided by ``in_step_filings.assemble``: one whose original is not here waits for it.
    """
    known = {each.stored.no: each for each in source.about(trade_data(owner, reference))}
    read: set[Thing] = set()
    waiting = _declarations(known.values())
    counted: list[Reread] = []
    numbers = Numbers()
    while waiting:  # numbers that turn out to be of the same declarations lead to further events
        for thing in sorted(waiting):
            known |= {each.stored.no: each for each in source.about(thing)}
        read |= waiting
        counted = _counted(source, owner, list(known.values()))
        numbers = numbers_of(filter(None, map(_one_declaration, counted)))
        tied = {*numbers.names, *(each for several in numbers.unclear for each in several)}
        waiting = {Thing(ObjectKind.DECLARATION, each) for each in tied} - read
    said = [(event.party.code, each) for event in counted for each in _statements(event, read)]
    lodged_by: dict[str, set[str]] = defaultdict(set)
    salts: dict[str, str] = {}
    for party, each in sorted(said, key=lambda one: (one[1].at, one[1].event)):
        if isinstance(each.payload, FiledValues) and each.payload.declared is not None:
            declaration = numbers.names.get(each.declaration, each.declaration)
            lodged_by[declaration].add(party)
            salts.setdefault(declaration, each.payload.salt)
    filings, corrections = filings_of((each for _, each in said), numbers.names)
    by = {of: frozenset(parties) for of, parties in lodged_by.items()}
    return StatedFilings(filings, corrections, by, salts, numbers)


def _declarations(events: Iterable[Reread]) -> set[Thing]:
    return {
        claim.thing
        for event in events
        for claim in event.facts.claims
        if claim.thing.kind is ObjectKind.DECLARATION
    }


def _one_declaration(event: Reread) -> frozenset[str]:
    """The numbers that the event states to be one declaration's: a link, or an acceptance that names the declarant's own number."""
    if isinstance(payload_of(event), Accepted):
        return given_number(frozenset(each.key for each in _declarations([event])))
    return frozenset(
        end.key
        for link in event.facts.links
        if link.kind is LinkKind.SAME_DECLARATION
        for end in (link.left, link.right)
    )


def _counted(source: TradeSource, owner: str, known: list[Reread]) -> list[Reread]:
    """The live events of who is named with the owner, and of who has authority over what they are about."""
    facts = facts_of(known)
    liveness = judge(facts.withdrawals, facts.equivocated)
    live = [event for event in known if liveness.live(event.stored.id)]
    counting = _engaged_with(source, owner, live)
    return [
        event
        for event in live
        if event.party.code in counting
        or any(claim.territorial for claim in event.facts.claims)
        or any(link.territorial for link in event.facts.links)
    ]


def _engaged_with(source: TradeSource, owner: str, events: Iterable[Reread]) -> frozenset[str]:
    """The owner, and who is named with it in a consignment that the events reach: a stranger amends nobody's declaration."""
    things = {claim.thing for event in events for claim in event.facts.claims}
    found = {owner}
    for known in source.views(source.consignments(things)):
        if known is not None and owner in known.view.engaged:
            found |= known.view.engaged
    return frozenset(found)


def _statements(event: Reread, declarations: set[Thing]) -> Iterator[Statement]:
    payload = payload_of(event)
    if isinstance(payload, CustomsMilestone) and payload.classifier == "ACT":
        for thing in sorted({claim.thing for claim in event.facts.claims} & declarations):
            yield Statement(event.stored.id.hex(), thing.key, payload)
