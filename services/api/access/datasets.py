"""The versions of a trade's data as a party may see them: the goods as of the consignments that they travel in, prices only as its own.

A version counts where the trade's owner stated it, or a forwarder who is named with the owner in a consignment that the version reaches. Its price is
for the owner, for who stated it, for the seller and the buyer whom the owner names by their codes here, and for who lends with the owner's
consent; nobody reads it because a box or a note is shared. Digests are shown only with the price, which could be guessed from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from schemas.events.base import Role
from schemas.events.trade import DatasetStated
from schemas.rfc3339 import format_micros
from services.api.access.consignment import grants_of
from services.api.access.matrix import Field, Relation, Shown, may
from services.api.access.reader import LoggedReader, Reader
from services.api.access.relations import LENDERS, consented
from services.domain.objects import Thing
from services.domain.view import ClaimStatus
from services.query.stored_events import SourcedEvents
from services.query.views import SourcedView, consignments_of
from services.trade.domain.dataset import Dataset, Lineage, changes, lineage
from services.trade.domain.paper import Role as PartyRole
from services.trade.formats.dataset import stated
from services.trade.store.datasets import StatedVersion, payload_of, stated_versions

Json = dict[str, Any]
_LINE: Final = ("id", "description", "code", "origin", "quantity", "unit", "gross", "net", "packages")
_GROUPS: Final[Mapping[Field, tuple[str, ...]]] = {
    Field.GOODS: ("reference", "version", "package_level"),
    Field.INVOICE: ("terms", "terms_place", "parties", "papers"),
    Field.IDS: ("boxes",),
}
"""What of a version is shown by which group; of its lines ``_LINE`` by the goods. Everything else is shown with the price only."""


@dataclass(frozen=True, slots=True)
class _Version:
    """A version of one or more events, and how the reader sees its groups of fields."""

    dataset: Dataset
    stated: tuple[StatedVersion, ...]
    grants: Mapping[Field, Shown]

    @property
    def priced(self) -> bool:
        return self.grants[Field.PRICE] is Shown.FULL

    def shown(self, priced: bool) -> Json:
        """What of the version is shown."""
        form = self.dataset.form
        if priced:
            return form
        names = {
            name for group, members in _GROUPS.items() if self.grants[group] is Shown.FULL for name in members
        }
        lines = [{name: line[name] for name in _LINE if name in line} for line in form["lines"]]
        return {**{name: form[name] for name in form if name in names}, "lines": lines}


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
    def consignments(self) -> list[SourcedView]:
        """Those that the versions which count reach, each once."""
        found = {known.view.consignment: known for _, several in self.counting for known in several}
        return [found[each] for each in sorted(found)]

    @property
    def publishers(self) -> frozenset[str]:
        """The owner, and whose versions count."""
        return frozenset({self.owner, *(each.publisher for each, _ in self.counting)})


def read_trade(reader: Reader, name: str) -> Trade:
    """The trade ``owner/reference``, whoever may see it."""
    owner, _, reference = name.partition("/")
    found = (
        stated_versions(reader.session, owner, reference, reader.registry, reader.now) if reference else ()
    )
    reached_by = _Reached(reader, owner)
    reached = [reached_by(each) for each in found]
    counting = [
        (each, views)
        for each, views in zip(found, reached, strict=True)
        if each.not_live is None and (each.publisher == owner or _is_agent(each, views))
    ]
    return Trade(owner, reference, found, tuple(counting))


def trades_over(known: SourcedView) -> list[Trade]:
    """The trades of which a version counts in one consignment, as far as that consignment shows; pure, made once of a view."""
    if "trades" not in known.made:
        found: dict[tuple[str, str], list[StatedVersion]] = defaultdict(list)
        for arrival in known.view.arrivals:
            event = known.sources[arrival.claim.event]
            payload = payload_of(event)
            if arrival.status is ClaimStatus.COUNTED and isinstance(payload, DatasetStated):
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


def visible_trade(reader: LoggedReader, name: str) -> Json | None:
    """The versions of the trade ``owner/reference`` that the reader may see; None where there is none. Notes the read."""
    trade = read_trade(reader, name)
    found = versions_of(reader, trade)
    if found is not None:
        reader.reads("dataset", name, trade.publishers)
    return found


def versions_of(reader: Reader, trade: Trade) -> Json | None:
    """The versions of ``trade`` that the reader may see; None where there is none."""
    versions = _versions(reader, trade.owner, trade.counting)
    counted = {each.event.stored.id for each, _ in trade.counting}
    ignored = [
        each
        for each in trade.stated
        if each.event.stored.id not in counted and reader.party.code in (trade.owner, each.publisher)
    ]
    if not versions and not ignored:
        return None
    return _body(trade.name, versions, lineage(each.dataset for each, _ in trade.counting), ignored)


def sees_goods(reader: Reader, trade: Trade) -> bool:
    """Whether the reader sees the goods of a version, or its price."""
    return bool(_versions(reader, trade.owner, trade.counting))


class _Reached:
    """The consignments that versions reach; what several travel in is looked up once."""

    def __init__(self, reader: Reader, owner: str) -> None:
        self._reader, self._owner = reader, owner
        self._known: dict[frozenset[Thing], list[SourcedView]] = {}

    def __call__(self, version: StatedVersion) -> list[SourcedView]:
        """Those that name the owner and count what was stated: not those that only share the box."""
        if version.not_live is not None:
            return []
        if version.things not in self._known:
            groups = consignments_of(self._reader.session, sorted(version.things))
            views = self._reader.views(groups)
            self._known[version.things] = [
                known for known in views if known is not None and self._owner in known.view.engaged
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


def _versions(
    reader: Reader, owner: str, counting: Sequence[tuple[StatedVersion, Sequence[SourcedView]]]
) -> list[_Version]:
    lends = bool(reader.party.roles & LENDERS) and consented(
        reader.session, owner, reader.party, reader.now, reader.registry
    )
    by_digest: dict[str, list[tuple[StatedVersion, Sequence[SourcedView]]]] = defaultdict(list)
    for each, views in counting:
        by_digest[each.dataset.digest].append((each, views))
    found = []
    for same in by_digest.values():
        seen = [grants_of(reader, known)[1] for _, views in same for known in views]
        own = any(_own(reader.party.code, owner, each) for each, _ in same)
        relations = {Relation.OWN} if own else {Relation.CONSENTED} if lends else set[Relation]()
        price = may(reader.party.roles, relations, Field.PRICE)
        groups = {
            group: Shown.FULL if any(grants[group] is Shown.FULL for grants in seen) else Shown.NONE
            for group in _GROUPS
        }
        version = _Version(
            same[0][0].dataset, tuple(each for each, _ in same), {**groups, Field.PRICE: price}
        )
        if version.priced or groups[Field.GOODS] is Shown.FULL:
            found.append(version)
    return found


def _own(party: str, owner: str, version: StatedVersion) -> bool:
    """Whether the price is the party's own: as owner, as who stated it, or as seller or buyer by the owner's word."""
    if party in (owner, version.publisher):
        return True
    return version.publisher == owner and any(
        (each.scheme, each.number) == ("PARTY", party) and each.role in (PartyRole.SELLER, PartyRole.BUYER)
        for each in version.dataset.parties
    )


def _body(name: str, versions: Sequence[_Version], known: Lineage, ignored: Sequence[StatedVersion]) -> Json:
    by_digest = {each.dataset.digest: each for each in versions}
    current = None if known.current is None else by_digest.get(known.current)
    events = SourcedEvents(each.event for version in versions for each in version.stated)
    return {
        "dataset": name,
        "whole": known.current is not None,
        "current": None if current is None else events.named(current.stated[0].event.stored.id),
        "versions": [_version(each, by_digest, known, events) for each in versions],
        "not_counted": [_ignored(each) for each in ignored],
    }


def _version(
    version: _Version, by_digest: Mapping[str, _Version], known: Lineage, events: SourcedEvents
) -> Json:
    dataset = version.dataset
    before = by_digest.get(dataset.previous)
    priced = version.priced and (before is None or before.priced)
    return {
        "version": dataset.version,
        "digest": dataset.digest if version.priced else None,
        "previous": (dataset.previous or None) if version.priced else None,
        "stated": [_stated(each, events) for each in version.stated],
        "head": dataset.digest in known.heads,
        "forked": dataset.previous in known.forks,
        "gap": dataset.previous in known.gaps,
        "misnumbered": dataset.digest in known.misnumbered,
        "price": version.priced,
        "data": version.shown(version.priced),
        "follows": None if before is None else events.named(before.stated[0].event.stored.id),
        "changes": []
        if before is None
        else [
            {"path": each.path, "before": each.before, "after": each.after}
            for each in changes(before.shown(priced), version.shown(priced))
        ],
    }


def _stated(version: StatedVersion, events: SourcedEvents) -> Json:
    envelope = version.event.envelope
    return {
        "event": events.named(version.event.stored.id),
        "by": version.publisher,
        "published": format_micros(envelope.published_micros),
    }


def _ignored(version: StatedVersion) -> Json:
    because = "UNENGAGED" if version.not_live is None else str(version.not_live)
    return {**_stated(version, SourcedEvents([version.event])), "because": because}
