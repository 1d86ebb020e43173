"""Requests to dispose of cargo (numbers 6200 to 6299): answered by a decision, allowed or refused without naming a bank."""

from __future__ import annotations

from functools import partial

from schemas.events.base import PartyCode, Place
from schemas.events.declare import CARGO, event
from schemas.events.document_trade import TradeParty
from schemas.events.finance_terms import Cargo, FinanceFact
from schemas.events.vocabulary import Region, Role
from schemas.events.wire import Identifier

_request = partial(
    event,
    region=Region.FINANCE,
    by=(Role.SHIPPER, Role.CONSIGNEE, Role.FORWARDER, Role.OPERATOR, Role.RAILWAY, Role.TERMINAL),
    about=CARGO,
    document="order",
)


class Disposal(FinanceFact):
    """``order_number`` is the requesting party's own; repeating the same event asks nothing new."""

    objects: Cargo
    order_number: Identifier

    def check(self) -> None:
        super().check()
        self.check_kinds(self.objects, "objects")


@_request("finance.release_order_requested.v1", 6200)
class ReleaseOrderRequested(Disposal):
    """A party asks whether the cargo may be released to somebody."""

    release_to_party: TradeParty | None = None


@_request("finance.reconsignment_requested.v1", 6201)
class ReconsignmentRequested(Disposal):
    """A party asks whether the cargo may get another destination, another consignee, or either at all."""

    place_of_delivery: Place | None = None
    consignee: PartyCode | None = None


@_request("finance.transfer_requested.v1", 6202)
class TransferRequested(Disposal):
    """A party asks whether the right to the cargo or its document may pass to another party."""

    transfer_to_party: TradeParty
