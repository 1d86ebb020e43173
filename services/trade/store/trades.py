"""A trade as events state it: the versions that count for it, with the consignments that they reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from schemas.events.base import Role
from schemas.events.trade import DatasetStated
from services.domain.view import ClaimStatus
from services.query.views import SourcedView
from services.trade.formats.dataset import stated
from services.trade.store.datasets import StatedVersion, payload_of, stated_versions
from services.trade.store.source import TradeSource


class Trade(NamedTuple):
    """A trade by its owner and reference: every version stated, and those that count with the consignments that they reach."""

    owner: str
    reference: str
    stated: tuple[StatedVersion, ...]
    counting: tuple[tuple[StatedVersion, Sequence[SourcedView]], ...]

    @property
    def name(self) -> str:
        """``owner/reference``."""
        return f"{self.owner}/{self.reference}"

    @property
    def publishers(self) -> frozenset[str]:
        """The owner, and whose versions count."""
        return frozenset({self.owner, *(each.publisher for each, _ in self.counting)})

    @property
    def views(self) -> tuple[SourcedView, ...]:
        """The consignments that the versions that count reach, each once."""
        return tuple(
            {known.view.consignment.key: known for _, several in self.counting for known in several}.values()
        )


def read_trade(source: TradeSource, owner: str, reference: str) -> Trade:
    """``owner``'s trade ``reference``. A version counts that the owner stated, or a forwarder named with it in what the version reaches."""
    found = stated_versions(source, owner, reference)
    reached_by = _Reached(source, owner)
    reached = [reached_by(each) for each in found]
    counting = [
        (each, several)
        for each, several in zip(found, reached, strict=True)
        if each.not_live is None and (each.publisher == owner or _is_agent(each, several))
    ]
    return Trade(owner, reference, found, tuple(counting))


def trades_over(known: SourcedView) -> list[Trade]:
    """The trades of which a version counts in one consignment, as far as that consignment shows; pure, made once of a view."""
    if "trades" not in known.made:
        found: dict[tuple[str, str], list[StatedVersion]] = defaultdict(list)
        for arrival in known.view.arrivals:
            event = known.sources[arrival.claim.event]
            payload = payload_of(event)
            if arrival.status is not ClaimStatus.UNENGAGED and isinstance(payload, DatasetStated):
                owner = payload.owner or event.party.code
                version = StatedVersion(event, stated(payload.data), None)
                if owner in known.view.engaged and (event.party.code == owner or _is_agent(version, [known])):
                    found[owner, version.dataset.reference].append(version)
        known.made["trades"] = [
            Trade(*of, tuple(versions), tuple((each, (known,)) for each in versions))
            for of, versions in sorted(found.items())
        ]
    trades: list[Trade] = known.made["trades"]
    return trades


class _Reached:
    """The consignments that versions reach."""

    def __init__(self, source: TradeSource, owner: str) -> None:
        self._source, self._owner = source, owner

    def __call__(self, version: StatedVersion) -> list[SourcedView]:
        """Those that name the owner and to which its publisher is engaged: not those that only share the box.

        A later version is a newer answer in their views; as a version the one before counts as before.
        """
        if version.not_live is not None:
            return []
        event = version.event.stored.id
        return [
            known
            for known in self._source.views(self._source.consignments(version.things))
            if known is not None
            and self._owner in known.view.engaged
            and any(
                arrival.claim.event == event and arrival.status is not ClaimStatus.UNENGAGED
                for arrival in known.view.arrivals
            )
        ]


def _is_agent(version: StatedVersion, views: Sequence[SourcedView]) -> bool:
    return Role.FORWARDER in version.event.party.roles and bool(views)
