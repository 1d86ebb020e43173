"""Bodies of requests about offshore deals: annotations of papers and their revocation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.events.trade_offshore import DealPaperKind
from schemas.events.wire import OwnReference
from services.api.requests.financing import Amount, Company, RequestBody
from services.financing.domain.annotation import Action, AnnotationRequest, PaperName

_Request = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="The bank's own name of this request, new for each: sent again it is the same decision.",
    ),
]


class AnnotatedPaper(RequestBody):
    """A paper as the deal states it; without ``issuer`` the deal's owner issued it."""

    kind: DealPaperKind
    number: Annotated[str, Field(min_length=1, max_length=128)]
    issuer: Company | None = None

    def name(self) -> PaperName:
        """As the core knows it."""
        return PaperName(self.kind, self.number, None if self.issuer is None else self.issuer.company())


class AnnotationBody(RequestBody):
    """An annotation of a paper for a payment; without ``amount`` of the whole paper."""

    request: _Request
    deal: OwnReference
    paper: AnnotatedPaper
    amount: Amount | None = None

    def ask_of(self, bank: str) -> AnnotationRequest:
        """As the core takes it."""
        amount = None if self.amount is None else self.amount.money()
        return AnnotationRequest(Action.ANNOTATE, bank, self.request, self.deal, self.paper.name(), amount)


class RevocationBody(RequestBody):
    """The revocation of an annotation."""

    request: _Request
