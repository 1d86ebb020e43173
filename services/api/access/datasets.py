"""The versions of a trade's data as a party may see them: the goods as of the consignments that they travel in, prices only as its own.

A version counts where the trade's owner stated it, or a forwarder who is named with the owner in a consignment that the version reaches. Its price is
for the owner, for who stated it, for the seller and the buyer whom the owner names by their codes here, and for who lends with the owner's
consent; nobody reads it because a box or a note is shared. Digests are shown only with the price, which could be guessed from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.rfc3339 import format_micros
from services.api.access.consignment import grants_of
from services.api.access.matrix import Field, Relation, Shown, may
from services.api.access.reader import LoggedReader, Reader
from services.api.access.relations import LENDERS, consented
from services.query.stored_events import SourcedEvents
from services.query.views import SourcedView
from services.trade.domain.dataset import Dataset, Lineage, changes, lineage
from services.trade.domain.paper import Role as PartyRole
from services.trade.store.datasets import StatedVersion
from services.trade.store.source import TradeSource
from services.trade.store.trades import Trade, read_trade

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


def source_of(reader: Reader) -> TradeSource:
    """What is stored of trades, as of the reader's moment."""
    return TradeSource(reader.session, reader.registry, reader.now, reader.views)


def trade_of(source: TradeSource, name: str) -> Trade:
    """The trade ``owner/reference``, whoever may see it."""
    owner, _, reference = name.partition("/")
    return read_trade(source, owner, reference) if reference else Trade(owner, reference, (), ())


def priced_events(reader: Reader, trade: Trade) -> frozenset[str]:
    """The ids, in hexadecimal digits, of the events whose versions the reader may read whole, prices with them."""
    return frozenset(
        each.event.stored.id.hex()
        for version in _versions(reader, trade.owner, trade.counting)
        if version.priced
        for each in version.stated
    )


def visible_trade(reader: LoggedReader, name: str) -> Json | None:
    """The versions of the trade ``owner/reference`` that the reader may see; None where there is none. Notes the read."""
    trade = trade_of(source_of(reader), name)
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
