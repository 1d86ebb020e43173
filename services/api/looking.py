"""A consignment as the caller of a route may see it: read, related, granted, filtered. The one way for every route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.rfc3339 import format_micros
from services.api.access import papers
from services.api.access.filtering import shown
from services.api.access.matrix import Field, Relation, Shown, granted
from services.api.access.relations import LENDERS, Standing, lending, shippers_of, standing
from services.api.calls import Call
from services.query.view_json import view_json
from services.query.views import SourcedView, read_view


@dataclass(frozen=True, slots=True)
class Looked:
    """What the caller sees, in what standing; ``told`` is everything, and is never given out."""

    told: SourcedView
    standing: Standing
    grants: Mapping[Field, Shown]
    body: dict[str, Any]

    @property
    def shippers(self) -> frozenset[str]:
        """Whose data it is: the subjects of the access log."""
        return shippers_of(self.told)


def look(call: Call, consignment: bytes) -> Looked | None:
    """The group of ``consignment`` (16 bytes) for the caller; None where it is not there or not the caller's to see."""
    told = read_view(call.session, consignment, call.now, call.registry)
    if told is None:
        return None
    body = view_json(told)
    stands = standing(told, call.party, [(each["milestone"], each["by"]) for each in body["timeline"]])
    relations = {
        *stands.relations,
        *lending(call.session, told, call.party, call.now, call.registry),
        *((Relation.LEGAL,) if call.caller.purpose else ()),
    }
    grants = granted(stands.roles, relations)
    if grants[Field.MOVEMENT] is Shown.NONE:
        return None
    for item, arrival in zip(body["timeline"], told.view.arrivals, strict=True):
        event = told.events[arrival.claim.event]
        item["recorded"] = format_micros(event.stored.append_us)
        item["finding"] = getattr(event.admitted.payload, "finding", None)  # the category of an inspection's
    _only_its_boxes(body)
    hidden = {
        code
        for code in told.view.engaged
        if code != call.party.code
        and (party := call.registry.party(code)) is not None
        and party.roles <= LENDERS
    }
    filtered = shown(body, grants, hidden, lambda field: _papers(told, field))
    filtered["shown"] = {str(field): str(how) for field, how in grants.items()}
    return Looked(told, Standing(stands.roles, frozenset(relations)), grants, filtered)


def _papers(told: SourcedView, field: Field) -> list[dict[str, Any]]:
    return papers.goods(told) if field is Field.GOODS else papers.invoices(told)


def _only_its_boxes(body: dict[str, Any]) -> None:
    """A hand-over lists the boxes of a whole train: those of others are nobody's business here."""
    own = {box["container"] for box in body["boxes"]}
    for handover in body["handovers"]:
        for side in ("missing", "surplus", "announced_only", "unannounced"):
            handover[side] = [each for each in handover[side] if each in own]
