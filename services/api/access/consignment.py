"""A consignment as its caller may see it: relations, grants of the matrix, and the filtered view."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from schemas.events import catalogue
from schemas.events.base import ObjectKind
from schemas.events.document_trade import InvoiceIssued
from schemas.rfc3339 import format_micros
from services.api.access.filter import shown
from services.api.access.matrix import Field, Relation, Shown, granted
from services.api.access.reader import LoggedReader, Reader
from services.api.access.relations import LENDERS, Relationship, lending, relationship, shippers_of
from services.domain.liveness import judge
from services.domain.objects import Thing
from services.domain.view import ClaimStatus
from services.query.view_json import view_json
from services.query.views import SourcedView, consignments_of


@dataclass(frozen=True)
class VisibleConsignment:
    """What the caller sees, and what it is to the consignment; ``known`` is everything, and is never given out.

    ``disclosure`` identifies what of ``known`` is shown: of one view, equal ones give an equal ``body``.
    """

    known: SourcedView
    relationship: Relationship
    grants: Mapping[Field, Shown]
    disclosure: Hashable
    filtered: Callable[[], dict[str, Any]] = field(repr=False)

    @cached_property
    def body(self) -> dict[str, Any]:
        """The filtered view; made when it is first asked for, in the transaction of the reader."""
        return self.filtered()

    @property
    def shippers(self) -> frozenset[str]:
        """Whose data it is: the subjects of the access log."""
        return shippers_of(self.known)


def visible(
    reader: Reader, consignment: bytes, shared: Collection[Field] | None = None
) -> VisibleConsignment | None:
    """The group of ``consignment`` (16 bytes) for the caller; None where it is not there or not the caller's to see.

    ``shared``: for whoever the caller hands it on to. These fields at most, and nothing that the caller sees by consent, pledge
    or legal purpose, or of another consignment.
    """
    (known,) = reader.views([consignment])
    if known is None:
        return None
    (found,) = grants_of_each(reader, [known], shared)
    return _visible(reader, known, *found, shared)


def visible_each(reader: Reader, consignments: Sequence[bytes]) -> list[VisibleConsignment | None]:
    """``visible`` of each of ``consignments``, in order; their views are read together."""
    views = reader.views(consignments)
    granted_each = iter(grants_of_each(reader, [known for known in views if known is not None]))
    return [None if known is None else _visible(reader, known, *next(granted_each), None) for known in views]


def _visible(
    reader: Reader,
    known: SourcedView,
    found: Relationship,
    grants: Mapping[Field, Shown],
    shared: Collection[Field] | None,
) -> VisibleConsignment | None:
    if grants[Field.MOVEMENT] is Shown.NONE:
        return None
    hidden = frozenset(
        code
        for code in known.view.engaged
        if (code != reader.party.code or shared is not None)
        and (party := reader.registry.party(code)) is not None
        and party.roles <= LENDERS
    )
    assigned = _assignments_that_it_may_see(reader, known, shared is not None)
    disclosure = frozenset(grants.items()), hidden, assigned

    def filtered() -> dict[str, Any]:
        return _filtered(known, grants, hidden, assigned)

    return VisibleConsignment(known, found, grants, disclosure, filtered)


def _filtered(
    known: SourcedView, grants: Mapping[Field, Shown], hidden: Collection[str], assigned: Sequence[bool]
) -> dict[str, Any]:
    body = view_json(known)
    for item, arrival in zip(body["timeline"], known.view.arrivals, strict=True):
        event = known.sources[arrival.claim.event]
        item["recorded"] = format_micros(event.stored.append_us)
        item["finding"] = getattr(event.payload, "finding", None)  # the category of an inspection's
    _only_its_boxes(body)
    sides = (item for dispute in body["disputed_links"] for item in dispute["sides"])
    for item, may_see in zip(sides, assigned, strict=True):
        if not may_see:
            item.update(dict.fromkeys(item.keys() - {"kind", "ours"}))
    found = shown(body, grants, set(hidden), lambda field: _documents(known, field))
    found["shown"] = {str(field): str(how) for field, how in grants.items()}
    return found


class References:
    """The references of consignments that the caller may see, each looked at once; a reference that is given is a read of it.

    ``expected`` are those that may be asked for, in that order: their views are read several at a time.
    """

    AT_ONCE = 12

    def __init__(self, reader: LoggedReader, expected: Iterable[bytes] = ()) -> None:
        self._reader = reader
        self._expected = list(dict.fromkeys(expected))
        self._views: dict[bytes, SourcedView | None] = {}
        self._known: dict[bytes, tuple[str, frozenset[str], Mapping[Field, Shown]] | None] = {}
        self._read: set[str] = set()

    def __call__(self, consignment: bytes, kind: ObjectKind) -> str | None:
        """The reference of ``consignment`` (16 bytes); None where it, or what its objects of ``kind`` are called, is not the caller's to see."""
        if consignment not in self._known:
            self._known[consignment] = self._look(consignment)
        known = self._known[consignment]
        if known is None or known[2][_NAMED_BY.get(kind, Field.IDS)] is not Shown.FULL:
            return None
        if known[0] not in self._read:
            self._read.add(known[0])
            self._reader.reads("consignment", known[0], known[1])
        return known[0]

    def _look(self, consignment: bytes) -> tuple[str, frozenset[str], Mapping[Field, Shown]] | None:
        reader = self._reader
        known = self._view(consignment)
        if known is None:
            return None
        grants = grants_of(reader, known)[1]
        if grants[Field.MOVEMENT] is Shown.NONE:
            return None
        return known.view.consignment.key, shippers_of(known), grants

    def _view(self, consignment: bytes) -> SourcedView | None:
        if consignment not in self._views:
            place = self._expected.index(consignment) if consignment in self._expected else 0
            following = self._expected[place : place + self.AT_ONCE]
            wanted = [
                consignment,
                *(each for each in following if each != consignment and each not in self._views),
            ]
            self._views.update(zip(wanted, self._reader.views(wanted), strict=True))
        return self._views[consignment]


_NAMED_BY = {ObjectKind.CONSIGNMENT: Field.MOVEMENT, ObjectKind.DECLARATION: Field.DECLARATION_NUMBER}
"""By which group of fields the name of an object is shown, where not as numbers of containers are."""


def grants_of(reader: Reader, known: SourcedView) -> tuple[Relationship, Mapping[Field, Shown]]:
    """What the caller is to the consignment, and what of it the matrix grants; as ``visible``."""
    return grants_of_each(reader, [known])[0]


def grants_of_each(
    reader: Reader, several: Sequence[SourcedView], shared: Collection[Field] | None = None
) -> list[tuple[Relationship, Mapping[Field, Shown]]]:
    """The same of each consignment, in order; what is not in the views is read together."""
    by_view = [_by_view(reader, known) for known in several]
    if shared is not None:
        return [(own, _handed_on(granted(own.roles, own.relations), shared)) for own in by_view]
    by_lending = lending(reader.session, several, reader.party, reader.now, reader.registry)
    legal = frozenset({Relation.LEGAL} if reader.purpose else ())
    found = []
    for own, besides in zip(by_view, by_lending, strict=True):
        relations = own.relations | besides | legal
        found.append((Relationship(own.roles, relations), granted(own.roles, relations)))
    return found


def _handed_on(grants: Mapping[Field, Shown], shared: Collection[Field]) -> Mapping[Field, Shown]:
    return {field: how if field in shared else Shown.NONE for field, how in grants.items()}


def _by_view(reader: Reader, known: SourcedView) -> Relationship:
    """What the caller is by the view alone; of one view that is worked out once for a party."""
    key = "relationship", reader.party.code
    found: Relationship | None = known.made.get(key)
    if found is None:
        stated = [
            (catalogue.by_number(a.claim.milestone).name, a.claim.publisher) for a in known.view.arrivals
        ]
        found = known.made[key] = relationship(known, reader.party, stated)
    return found


def _may_see(reader: Reader, thing: Thing) -> bool:
    """Whether facts about ``thing`` reach a consignment that is the caller's to see."""
    views = reader.views(consignments_of(reader.session, [thing]))
    return any(
        known is not None and grants_of(reader, known)[1][Field.MOVEMENT] is not Shown.NONE for known in views
    )


def _assignments_that_it_may_see(reader: Reader, known: SourcedView, shared: bool) -> tuple[bool, ...]:
    """Of each side of each contradiction of links, in order, whether the caller learns more than that there is one.

    Of an assignment to another consignment only who may see that, or said so; to whom it is handed on, nobody but the consignment's own
    side is named.
    """
    sides = [side for dispute in known.view.disputed_links for side in dispute.sides]
    own = [side.ours or (not shared and side.link.publisher == reader.party.code) for side in sides]
    others = (
        {} if shared else {side.link.right: False for side, ours in zip(sides, own, strict=True) if not ours}
    )
    for thing in others:
        others[thing] = _may_see(reader, thing)
    return tuple(ours or others.get(side.link.right, False) for side, ours in zip(sides, own, strict=True))


def _documents(known: SourcedView, field: Field) -> list[dict[str, Any]]:
    return _goods(known) if field is Field.GOODS else _invoices(known)


def _only_its_boxes(body: dict[str, Any]) -> None:
    """A hand-over lists the boxes of a whole train: those of others are nobody's business here."""
    own = {box["container"] for box in body["boxes"]}
    for handover in body["handovers"]:
        for side in ("missing", "surplus", "announced_only", "unannounced"):
            handover[side] = [each for each in handover[side] if each in own]


def _goods(known: SourcedView) -> list[dict[str, Any]]:
    """The HS codes of the cargo, each with who said it, of live events of engaged publishers and authorities."""
    facts = known.facts
    liveness = judge(facts.withdrawals, facts.equivocated)
    stated = {
        (code, each.publisher)
        for each in facts.goods
        if liveness.live(each.event) and (each.publisher in known.view.engaged or each.territorial)
        for code in each.commodities
    }
    return [{"hs": code, "by": by} for code, by in sorted(stated)]


def _invoices(known: SourcedView) -> list[dict[str, Any]]:
    """The commercial invoices that count: number, date, parties, amount in minor units, and who handed them in."""
    counted = {
        arrival.claim.event for arrival in known.view.arrivals if arrival.status is ClaimStatus.COUNTED
    }
    found = []
    for id_ in counted:
        event = known.sources[id_]
        stated = event.payload
        if isinstance(stated, InvoiceIssued):
            plain = stated.model_dump(
                mode="json", include={"seller_party", "buyer_party", "grand_total_amount"}
            )
            found.append(
                {
                    "document_id": stated.document_id,
                    "issue_date": str(stated.issue_date),
                    **plain,
                    "by": event.party.code,
                    "published": format_micros(event.attributes.published),
                }
            )
    return sorted(found, key=lambda each: (each["document_id"], each["published"], each["by"]))
