"""The versions of a trade's data as events state them, found by the claims that each makes about its trade."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events.base import Payload
from schemas.events.correction import Corrected
from schemas.events.trade import DatasetStated
from services.domain.liveness import NotLive, judge
from services.domain.objects import Thing, trade_data
from services.query.stored_events import Reread
from services.query.views import facts_of
from services.trade.domain.dataset import Dataset
from services.trade.formats.dataset import stated
from services.trade.store.source import TradeSource


@dataclass(frozen=True, slots=True)
class StatedVersion:
    """A version as one event states it; ``not_live`` says why it does not count, None where it does."""

    event: Reread
    dataset: Dataset
    not_live: NotLive | None

    @property
    def publisher(self) -> str:
        """The code of who stated it."""
        return self.event.party.code

    @property
    def things(self) -> frozenset[Thing]:
        """What the goods travel in or under."""
        return frozenset(each.thing for each in self.event.facts.claims) - {self.trade}

    @property
    def trade(self) -> Thing:
        """The trade that it is a version of."""
        payload = payload_of(self.event)
        assert isinstance(payload, DatasetStated)
        return trade_data(payload.owner or self.publisher, self.dataset.reference)


def stated_versions(source: TradeSource, owner: str, reference: str) -> tuple[StatedVersion, ...]:
    """Every version of ``owner``'s trade ``reference``, those that do not count among them, in an order that is not that of arrival."""
    trade = trade_data(owner, reference)
    events = source.about(trade)
    facts = facts_of(events)
    liveness = judge(facts.withdrawals, facts.equivocated)
    found = (
        StatedVersion(event, stated(payload.data), liveness.reason(event.stored.id))
        for event in events
        if isinstance(payload := payload_of(event), DatasetStated)
        and any(claim.thing == trade for claim in event.facts.claims)
    )
    return tuple(
        sorted(found, key=lambda each: (each.dataset.version, each.dataset.digest, each.event.stored.id))
    )


def payload_of(event: Reread) -> Payload:
    """What the event says, of a correction what it says instead."""
    payload = event.payload
    return payload.replacement.payload if isinstance(payload, Corrected) else payload
