"""Offshore deals and sightings of their goods, for the tests of checks, reports and annotations."""

from __future__ import annotations

from typing import Any

from schemas.events.trade_offshore import OffshoreDealStated
from schemas.events.vocabulary import ObjectKind, Region
from services.domain.facts import Assurance
from services.domain.objects import Thing
from services.trade.domain.offshore import Deal, Sighting

BOX = "CSQU3054383"
EUR = "EUR"


def euros(minor: int) -> dict[str, Any]:
    """An amount as events write it."""
    return {"minor_units": minor, "currency_code": EUR}


def invoice_paper(number: str = "INV-1", minor: int | None = 9_000_000, **more: Any) -> dict[str, Any]:
    """A paper of a deal; without ``issuer`` it is the owner's own."""
    amount = {} if minor is None else {"amount": euros(minor)}
    return {"kind": "INVOICE", "number": number, **amount, **more}


def deal_says(reference: str = "OD-1", **changed: Any) -> dict[str, Any]:
    """What an event states of a deal: bought to go to Germany, sold to Kazakhstan."""
    said: dict[str, Any] = {
        "reference": reference,
        "kind": "RESALE",
        "bop": "122010",
        "contracts": [
            {"number": "P-1", "role": "BUYS", "counterparty": {"scheme": "LEI", "number": "5493000IBP32UQZ0KL24"},
             "amount": euros(8_123_457), "subheading": "847130", "destination": "DE"},
            {"number": "S-1", "role": "SELLS", "counterparty": {"scheme": "PARTY", "number": "ruhr"},
             "amount": euros(9_000_000), "subheading": "847130", "destination": "KZ"},
        ],
        "papers": [invoice_paper()],
    }  # fmt: skip
    return {**said, **changed}


def deal(owner: str = "optic", reference: str = "OD-1", event: bytes = b"deal", **changed: Any) -> Deal:
    """A deal about one box."""
    payload = {
        "salt": "0" * 32,
        "classifier": "ACT",
        "happened": "2026-03-01T00:00:00Z",
        "objects": [{"kind": "container", "id": BOX}],
        **deal_says(reference, **changed),
    }
    return Deal(
        event.ljust(16), owner, 1, f"https://{owner}.example", "1", OffshoreDealStated.model_validate(payload)
    )


def seen(milestone: str, at: int, by: str = "ktz", **where: Any) -> Sighting:
    """A sighting of the box; ``where``: jurisdiction, place, procedure, rides."""
    region = Region[milestone.partition(".")[0].upper()]
    return Sighting(
        at.to_bytes(16),
        by,
        at,
        milestone,
        region,
        Thing(ObjectKind.CONTAINER, BOX),
        frozenset(),
        where.get("jurisdiction", ""),
        where.get("place", ""),
        where.get("procedure", ""),
        Assurance.ASSERTED,
        where.get("rides", False),
    )
