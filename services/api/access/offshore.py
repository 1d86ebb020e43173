"""Offshore deals as a party may see them: whole by the owner and by who lends with the owner's consent; the verdict alone by a buyer or seller of it,
by customs whose territory its goods touch, and by a bank without consent; nothing by anybody else.

The verdict is the class, which lines are confirmed and what the checks say: no price, no other side, no event, no count. What confirms a line is
shown as far as the reader sees the consignment that it is of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple

from schemas.events.base import Role
from schemas.rfc3339 import format_micros
from services.api.access.consignment import grants_of
from services.api.access.filter import field_of
from services.api.access.matrix import Field, Relation, Shown
from services.api.access.reader import LoggedReader, Reader
from services.api.access.relations import LENDERS, consented
from services.financing.domain.annotation import Annotation
from services.financing.store.annotations import annotations_on
from services.query.views import SourcedView
from services.trade.domain.checks.offshore import d31_used_twice, d32_offshore
from services.trade.domain.checks.shipment import Shipment
from services.trade.domain.finding import Finding, rules
from services.trade.domain.offshore import Confirmation, Deal, KnownDeal, Sighting, classify, report
from services.trade.domain.paper import PaperSet
from services.trade.store.deals import deals_beside, known_deal, sightings, stated_deal, views_of

Json = dict[str, Any]


class _Sees(Enum):
    WHOLE = "whole"
    VERDICT = "verdict"


class _Seen(NamedTuple):
    """A consignment of the deal, and what of it the reader is shown."""

    known: SourcedView
    grants: Mapping[Field, Shown]


def readable_deal(reader: Reader, name: str) -> Deal | None:
    """The deal ``owner/reference``, whoever may see it; None where its owner states none."""
    owner, _, reference = name.partition("/")
    return stated_deal(reader.session, owner, reference, reader.registry, reader.now) if reference else None


def lends_with_consent(reader: Reader, owner: str) -> bool:
    """Whether the reader is a bank or insurer that the owner lets see its cargo."""
    return bool(reader.party.roles & LENDERS) and consented(
        reader.session, owner, reader.party, reader.now, reader.registry
    )


def visible_deal(reader: LoggedReader, name: str) -> Json | None:
    """The report on the deal ``owner/reference`` as the reader may see it; None where it may see none. Notes the read."""
    deal = readable_deal(reader, name)
    if deal is None:
        return None
    views = views_of(reader.session, deal, reader.views)
    sees = _sees(reader, deal, views)
    if sees is None:
        return None
    reader.reads("deal", name, {deal.owner})
    known = known_deal(deal, views)
    beside = deals_beside(reader.session, deal, reader.registry, reader.now)
    body = _verdict(known, _findings(known, beside, reader.now))
    if sees is _Sees.WHOLE:
        shown = _Shown(deal, [_Seen(each, grants_of(reader, each)[1]) for each in views])
        _fill(body, known, shown)
        body["stated"] = {
            "by": deal.owner,
            "published": format_micros(deal.published),
            "event": {"source": deal.source, "id": deal.id},
        }
        body["data"] = deal.stated.model_dump(mode="json", exclude_none=True, exclude={"salt"})
        if Role.BANK in reader.party.roles:
            body["annotations"] = annotations_on(reader.session, deal.name, reader.party.code)
    return body


def _sees(reader: Reader, deal: Deal, views: Sequence[SourcedView]) -> _Sees | None:
    party = reader.party
    if party.code == deal.owner or lends_with_consent(reader, deal.owner):
        return _Sees.WHOLE
    if party.roles & LENDERS or party.code in deal.counterparties:
        return _Sees.VERDICT
    if Role.CUSTOMS in party.roles and any(
        Relation.TERRITORY in grants_of(reader, each)[0].relations for each in views
    ):
        return _Sees.VERDICT
    return None


def _findings(known: KnownDeal, beside: Iterable[Deal], now: int) -> list[Finding]:
    in_force = rules(datetime.fromtimestamp(now / 1_000_000, UTC).date())
    every = PaperSet(deals=(known, *(KnownDeal(each) for each in beside)))
    return [
        *d31_used_twice(Shipment(every, in_force)),
        *d32_offshore(Shipment(PaperSet(deals=(known,)), in_force)),
    ]


def _verdict(known: KnownDeal, findings: Iterable[Finding]) -> Json:
    found, _ = classify(known)
    said = {(each.check, str(each.verdict), str(each.reason)) for each in findings}
    return {
        "deal": known.deal.name,
        "class": found,
        "follows_from": None,
        "lines": [
            {
                "line": each.line,
                "confirmed": each.confirmed,
                "by": None,
                "missing": None,
                "unseen": None,
            }
            for each in report(known)
        ],
        "findings": [
            {"check": check, "verdict": verdict, "reason": reason} for check, verdict, reason in sorted(said)
        ],
        "stated": None,
        "data": None,
        "annotations": (),
    }


class _Shown:
    """Sightings that the reader may see, by the events behind them."""

    def __init__(self, deal: Deal, seen: Iterable[_Seen]) -> None:
        self._json: dict[Sighting, Json] = {}
        for known, grants in seen:
            for each in sightings(deal, known):
                if grants[field_of(each.milestone)] is Shown.FULL:
                    numbered = grants[Field.IDS] is Shown.FULL
                    self._json[each] = {
                        "event": known.sources.named(each.event),
                        "by": each.by,
                        "assurance": each.assurance.name,
                        "milestone": each.milestone,
                        "happened": format_micros(each.at),
                        "object": {"kind": each.thing.kind.wire, "id": each.thing.key} if numbered else None,
                        "jurisdiction": each.jurisdiction or None,
                        "place": each.place or None,
                        "procedure": each.procedure or None,
                    }

    def __call__(self, each: Iterable[Sighting]) -> list[Json]:
        return [self._json[sighting] for sighting in each if sighting in self._json]


def _fill(body: Json, known: KnownDeal, shown: _Shown) -> None:
    body["follows_from"] = shown(classify(known).follows_from)
    for line, confirmation in zip(body["lines"], report(known), strict=True):
        line |= _confirmation(confirmation, shown)


def _confirmation(confirmation: Confirmation, shown: _Shown) -> Json:
    return {
        "by": shown(confirmation.by),
        "missing": list(confirmation.missing),
        "unseen": [each.key for each in confirmation.unseen],
    }


def annotation_json(decision: Annotation, number: int, annotation: int) -> Json:
    """A decision as its bank sees it; ``number`` and ``annotation`` are shown instead of the platform's own."""
    share = decision.share
    return {
        "number": number,
        "action": decision.action,
        "outcome": "DONE" if decision.done else "REFUSED",
        "annotation": annotation if decision.done else None,
        "deal": decision.deal,
        "kind": decision.kind,
        "amount": None if share is None else {"minor_units": share.part, "currency_code": share.measure},
        "at": format_micros(decision.at),
        "guard": decision.guard or None,
        "satisfied_by": decision.satisfied_by or None,
    }
