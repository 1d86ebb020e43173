"""Trade and insurance documents (numbers 2010 to 2029), with their amounts and parties.

Fields are named after the UN/CEFACT core components that the ICC's key trade documents use: grand total amount, delivery
type code (Incoterms), buyer and seller party, gross weight, package quantity. No natural person, no free text.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.events.base import Milestone, Wire
from schemas.events.declare import DOCUMENTED, event
from schemas.events.spec import DAY
from schemas.events.vocabulary import Episode, Region, Role
from schemas.events.wire import Commodity, Count, Country, Date, Identifier, Kilograms


class Amount(Wire):
    """Money in minor units of its currency (ISO 4217): 12.34 EUR is 1234."""

    minor_units: Annotated[int, Field(ge=0, le=10**15)]
    currency_code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


PartyScheme = Literal["PARTY", "USCC", "LEI", "EORI", "INN", "OGRN", "BIN", "UNP", "NIP"]


class TradeParty(Wire):
    """A company by one of its public numbers, or by the code under which it is registered here (PARTY).

    Numbers that can belong to a natural person (a 12-digit INN, an IIN, a PESEL) are not for this field.
    """

    scheme: PartyScheme
    id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]{1,39}$")]


_trade = partial(
    event,
    region=Region.DOCUMENT,
    by=(Role.SHIPPER, Role.FORWARDER, Role.OPERATOR),
    about=DOCUMENTED,
    authority=(Role.SHIPPER,),
    also=(Role.FORWARDER, Role.CONSIGNEE),
    tolerance=DAY,
    moves=True,
)

Commodities = Annotated[tuple[Commodity, ...], Field(strict=False, max_length=256)]
DeliveryType = Literal["EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP"]


@_trade("document.invoice_issued.v1", 2010, document="commercial invoice")
class InvoiceIssued(Milestone):
    """A seller issued a commercial invoice."""

    document_id: Identifier
    issue_date: Date
    seller_party: TradeParty
    buyer_party: TradeParty
    grand_total_amount: Amount
    delivery_type_code: DeliveryType | None = None
    payment_due_date: Date | None = None
    commodities: Commodities = ()


@_trade("document.packing_list_issued.v1", 2011, document="packing list")
class PackingListIssued(Milestone):
    """A shipper issued a packing list."""

    document_id: Identifier
    issue_date: Date
    package_quantity: Count
    gross_weight_kg: Kilograms | None = None
    net_weight_kg: Kilograms | None = None


@_trade(
    "document.certificate_of_origin_issued.v1",
    2012,
    by=(Role.AUTHORITY, Role.SHIPPER, Role.FORWARDER),
    authority=(Role.AUTHORITY,),
    also=(Role.SHIPPER, Role.FORWARDER),
    document="certificate of origin",
)
class CertificateOfOriginIssued(Milestone):
    """A chamber or customs issued a certificate of origin."""

    document_id: Identifier
    issue_date: Date
    origin_country_code: Country
    preferential: bool = False


_insurance = partial(
    _trade,
    by=(Role.INSURER, Role.FORWARDER, Role.SHIPPER, Role.OPERATOR),
    authority=(Role.INSURER,),
    also=(Role.FORWARDER, Role.SHIPPER),
    document="insurance certificate",
)


@_insurance("document.insurance_bound.v1", 2020, closes=Episode.INSURANCE_CANCELLED)
class InsuranceBound(Milestone):
    """An insurer bound cover for the cargo."""

    document_id: Identifier
    insurer_party: TradeParty
    insured_party: TradeParty | None = None
    insured_amount: Amount
    cover: Literal["ICC_A", "ICC_B", "ICC_C", "CARRIER_LIABILITY", "OTHER"]
    valid_from: Date
    valid_to: Date | None = None


@_insurance(
    "document.insurance_cancelled.v1",
    2021,
    opens=Episode.INSURANCE_CANCELLED,
    moves=False,
    answers=("document.insurance_bound.v1",),
    owner=Role.SHIPPER,
    due=DAY,
)
class InsuranceCancelled(Milestone):
    """An insurer cancelled cover for the cargo."""

    document_id: Identifier
    reason: Literal["NON_PAYMENT", "RISK_CHANGED", "INSURED", "REPLACED", "OTHER"]
