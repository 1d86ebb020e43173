"""A trade as events state it: the versions that count for it, with the consignments that they reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from psycopg import Connection

from schemas.events.base import Role
from services.domain.facts import Micros
from services.domain.objects import Thing
from services.domain.view import ClaimStatus
from services.ledger.registry.registry import Registry
from services.query.views import SourcedView, consignments_of
from services.trade.store.datasets import StatedVersion, stated_versions

Views = Callable[[Sequence[bytes]], Sequence[SourcedView | None]]
"""The views of consignments by their ids, in order."""


class Trade(NamedTuple):
    """A trade by its owner and reference: every version stated, and those that count with the consignments that they reach."""

    owner: str
    reference: str
    stated: tuple[StatedVersion, ...]
    counting: tuple[tuple[StatedVersion, Sequence[SourcedView]], ...]

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


def read_trade(
    session: Connection[Any], owner: str, reference: str, registry: Registry, as_of: Micros, views: Views
) -> Trade:
    """``owner``'s trade ``reference``. A version counts that the owner stated, or a forwarder named with it in what the version reaches."""
    found = stated_versions(session, owner, reference, registry, as_of)
    reached_by = _Reached(session, owner, views)
    reached = [reached_by(each) for each in found]
    counting = [
        (each, several)
        for each, several in zip(found, reached, strict=True)
        if each.not_live is None and (each.publisher == owner or _is_agent(each, several))
    ]
    return Trade(owner, reference, found, tuple(counting))


class _Reached:
    """The consignments that versions reach; what several travel in is looked up once."""

    def __init__(self, session: Connection[Any], owner: str, views: Views) -> None:
        self._session, self._owner, self._views = session, owner, views
        self._known: dict[frozenset[Thing], list[SourcedView]] = {}

    def __call__(self, version: StatedVersion) -> list[SourcedView]:
        """Those that name the owner and count what was stated: not those that only share the box."""
        if version.not_live is not None:
            return []
        if version.things not in self._known:
            groups = consignments_of(self._session, sorted(version.things))
            self._known[version.things] = [
                known
                for known in self._views(groups)
                if known is not None and self._owner in known.view.engaged
            ]
        event = version.event.stored.id
        return [
            known
            for known in self._known[version.things]
            if any(
                arrival.claim.event == event and arrival.status is ClaimStatus.COUNTED
                for arrival in known.view.arrivals
            )
        ]


def _is_agent(version: StatedVersion, views: Sequence[SourcedView]) -> bool:
    return Role.FORWARDER in version.event.party.roles and bool(views)
