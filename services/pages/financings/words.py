"""The plain words for the codes of financing: stages, guards with what helps, alerts, likenesses. English messages, translated where shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.financing.domain.requests import HIDDEN as HIDDEN


def N_(message: str) -> str:
    """Mark a message for translation where it is shown."""
    return message


STAGES: Final[Mapping[str, str]] = {
    "APPLIED": N_("Applied for"),
    "REJECTED": N_("Application rejected"),
    "WITHDRAWN": N_("Application withdrawn"),
    "UNIQUENESS_RESERVED": N_("Reserved"),
    "RESERVATION_EXPIRED": N_("Reservation run out"),
    "APPROVED": N_("Reserved and approved"),
    "PLEDGED": N_("Pledged"),
    "CANCELLED_BEFORE_DRAW": N_("Cancelled, nothing paid"),
    "DRAWN": N_("Paid out"),
    "PARTIALLY_REPAID": N_("Partly repaid"),
    "REPAID": N_("Repaid, still pledged"),
    "RELEASED": N_("Released"),
    "OVERDUE": N_("Overdue"),
    "DEFAULTED": N_("In default"),
    "ENFORCED": N_("Enforced"),
    "CLOSED": N_("Written off"),
    "FROZEN": N_("Frozen"),
    "SUPERSEDED": N_("Replaced or taken over"),
}
BAD_STAGES: Final = frozenset({"OVERDUE", "DEFAULTED", "ENFORCED", "FROZEN"})
ENDED_STAGES: Final = frozenset(
    {
        "REJECTED",
        "WITHDRAWN",
        "RESERVATION_EXPIRED",
        "CANCELLED_BEFORE_DRAW",
        "RELEASED",
        "CLOSED",
        "SUPERSEDED",
    }
)
PRODUCTS: Final[Mapping[str, str]] = {
    "EXPORT_RECEIVABLE": N_("Export receivable"),
    "INVOICE_DISCOUNT": N_("Invoice discount"),
    "IMPORT_LC": N_("Import letter of credit"),
    "IN_TRANSIT_GOODS": N_("Goods in transit"),
    "NEGOTIABLE_DOCUMENT": N_("Negotiable document"),
    "FREIGHT_LOAN": N_("Freight loan"),
}
INTERESTS: Final[Mapping[str, str]] = {
    "RECEIVABLE": N_("in the receivable"),
    "GOODS": N_("in the goods"),
    "DOCUMENT": N_("in the document"),
}
ACTIONS: Final[Mapping[str, str]] = {
    "RESERVE": N_("Reserve"),
    "PLEDGE": N_("Pledge"),
    "DRAW": N_("Pay out"),
    "RELEASE": N_("Release"),
    "RELEASE_PART": N_("Release a part"),
    "CANCEL": N_("Cancel"),
    "SUBSTITUTE": N_("Put in the place of another one"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    "DONE": N_("done"),
    "REFUSED": N_("refused"),
    "REVIEW": N_("to be reviewed by two persons"),
}
FACTS: Final[Mapping[str, str]] = {
    "finance.applied": N_("Application signed"),
    "finance.rejected": N_("Application rejected"),
    "finance.application_withdrawn": N_("Application withdrawn"),
    "finance.approved": N_("Approved"),
    "finance.repaid": N_("Repayment"),
    "finance.defaulted": N_("Default declared"),
    "finance.enforced": N_("Security enforced"),
    "finance.written_off": N_("Written off"),
    "finance.fell_overdue": N_("Overdue declared"),
    "finance.frozen": N_("Frozen by an authority"),
    "finance.unfrozen": N_("Freeze ended"),
    "finance.alert_acknowledged": N_("Alert acknowledged"),
    "finance.registration_made": N_("Entered in a legal register"),
    "finance.registration_ended": N_("Entry in the legal register ended"),
    "finance.takeover_consented": N_("Take-over consented"),
    "finance.pledged": N_("The bank's statement of the pledge"),
    "finance.drawn": N_("The bank's statement of the payment"),
    "finance.released": N_("The bank's statement of the release"),
    "finance.cancelled": N_("The bank's statement that it was cancelled"),
    "finance.collateral_substituted": N_("The bank's statement of the replacement"),
}
GUARDS: Final[Mapping[str, str]] = {
    "RESERVATION_VALID": N_("The reservation has ended. Reserve again."),
    "APPLICATION_STANDS": N_(
        "There is no application of the applicant that stands. The applicant signs a new one."
    ),
    "APPLICATION_SIGNED": N_("There is nothing under that name that your bank may ask about."),
    "APPLICANT_OF_PRODUCT": N_("There is nothing under that name that your bank may ask about."),
    "APPLICANT_ENGAGED": N_("There is nothing under that name that your bank may ask about."),
    "PAPERS_OF_CARGO": N_("There is nothing under that name that your bank may ask about."),
    "PLEDGEE": N_("There is nothing under that name that your bank may ask about."),
    "APPROVED": N_("Your bank has published no approval with amount, advance rate and maturity. Publish it."),
    "NOT_FROZEN": N_("An authority has frozen it. It goes on when the freeze ends."),
    "NOT_IN_DEFAULT": N_("Something is overdue or in default. It has to be repaid first."),
    "PLEDGED": N_("There is no pledge that stands. Pledge first."),
    "CONTROL": N_(
        "Nobody who can know it records that your bank holds the document of the goods. The carrier or issuer records it."
    ),
    "NOT_DELIVERED": N_("The goods have left the hands of the carriers."),
    "EXTERNAL_CLEAR": N_(
        "Another registry knows a financing of it, or has not answered within a day. Ask it again."
    ),
    "SAME_CURRENCY": N_("The amount is not in the approved currency, or not above zero."),
    "WITHIN_APPROVED": N_("More than what is left of the approved amount."),
    "VALUE_VERIFIED": N_("Too few parties of the consignment state the value. They publish the invoice."),
    "WITHIN_ADVANCE": N_("More than the advance rate allows on the verified value."),
    "NOT_PLEDGED_BEFORE": N_("It was pledged or has ended before. Make a new financing."),
    "ONE_DRAW": N_("This product is paid out once."),
    "NOTHING_OUTSTANDING": N_("Something is owed. Wait for the repayment, or waive it with a ground."),
    "VALUE_COVERS": N_(
        "What would be left is worth less than what is owed. Give back less, or waive it with a ground."
    ),
    "PART_OF_GOODS": N_("What is named is not a part of the pledged goods."),
    "NOT_ENDED": N_("It has ended."),
    "UNDRAWN": N_("It was paid out. It is repaid and released."),
    "TERMS_GIVEN": N_("Application, product, interest or reference are missing or unknown."),
    "INTEREST_OF_PRODUCT": N_("This product does not encumber that interest."),
    "REFERENCE_UNUSED": N_("This reference has, or had, a financing or other terms. Choose another one."),
    "IDENTIFIERS_VALID": N_("A number is mistyped: its check digit or form is wrong."),
    "KEYS_GIVEN": N_("Documents that this product needs are missing."),
    "INVOICE_STATED": N_(
        "No party of the consignment has published this invoice with this seller and amount."
    ),
    "INTEREST_FREE": N_("The interest is taken. Its holder releases it, or consents to a take-over."),
    "WITHIN_RESIDUAL": N_("The part is more than what is left of the whole."),
    "PAPER_NOT_ANNOTATED": N_(
        "A bank has annotated a paper for a payment. It revokes that, or the part is within what is left."
    ),
    "SPLIT_KNOWN": N_(
        "How a shared document is split is not known. All who finance a part state share and whole alike."
    ),
    "NOT_ALIKE": N_(
        "It resembles another financed deal. Two persons look at what is alike, and prepare it again with this review."
    ),
    "OTHER_INTEREST_OF_APPLICANT": N_(
        "The applicant has other financings on it. Two persons look, and prepare it again with this review."
    ),
    "GOODS_FREE": N_("The same goods are held under another name."),
    "GOODS_NAMED": N_(
        "What was reserved is named no longer. Two persons look, and prepare it again with this review."
    ),
    "ASSIGNMENT_CONFIRMED": N_(
        "Somebody assigns the containers or documents to other cargo. Two persons look, and prepare it again with this review."
    ),
    "TWO_REVIEWERS": N_("Two different persons have to have looked at the review."),
    "IDEMPOTENCY_KEY_UNUSED": N_("The same name was used for another request. Prepare it again."),
}
ALERTS: Final[Mapping[str, str]] = {
    "DELIVERED_AGAINST_PLEDGE": N_("Delivered although pledged"),
    "DELIVERED_WITHOUT_SURRENDER": N_("Delivered without surrender of the original document"),
    "GATED_OUT_AGAINST_PLEDGE": N_("Picked up although pledged"),
    "DETAINED": N_("Detained"),
    "RETURNED": N_("Being sent back"),
    "LOST": N_("Cannot be found"),
    "ABANDONED": N_("Given up or not claimed"),
    "TEMPERATURE": N_("Temperature out of range"),
    "SEAL_BROKEN": N_("Seal broken or missing"),
    "TRANSIT_NOT_CLOSED": N_("Transit procedure not closed in time"),
    "CONSIGNEE_CHANGED": N_("Consignee changed"),
    "DESTINATION_CHANGED": N_("Destination changed"),
    "JURISDICTION_ENTERED": N_("In a country that was not agreed"),
    "ETA_BEYOND_MATURITY": N_("Expected after the maturity"),
    "SILENT_BEYOND_MATURITY": N_("Nothing heard past the maturity"),
    "INSURANCE_CANCELLED": N_("Insurance cancelled"),
    "CONTROL_LAPSED": N_("The bank's control of the document is not certain"),
    "REGISTRATION_EXPIRES": N_("Entry in the legal register expires"),
    "SAME_CARGO_ELSEWHERE": N_("The same cargo is financed elsewhere too"),
    "GOODS_NAMED_ELSEWHERE": N_("Another consignment names the goods too"),
    "GOODS_NO_LONGER_NAMED": N_("The goods are named no longer"),
}
CONTROLS: Final[Mapping[str, str]] = {
    "HELD": N_("held by the bank"),
    "ASSERTED": N_("only asserted"),
    "LAPSED": N_("lapsed"),
    "CONSIGNEE_MAY_DISPOSE": N_("the consignee may dispose"),
    "HELD_BY_ANOTHER": N_("held by somebody else"),
    "DISPUTED": N_("stated differently"),
    "ENDED": N_("ended"),
}
GROUNDS: Final[Mapping[str, str]] = {
    "OTHER_SECURITY": N_("other security was given"),
    "RESTRUCTURED": N_("the debt was restructured"),
    "SETTLED_ELSEWHERE": N_("it was settled elsewhere"),
    "OTHER": N_("another ground"),
}
FEATURES: Final[Mapping[str, str]] = {
    "PARTIES_SAME": N_("same seller, buyer and currency"),
    "AMOUNT_EQUAL": N_("same amount"),
    "AMOUNT_WITHIN_5_PERCENT": N_("amount within 5 %"),
    "NUMBER_ONE_CHARACTER": N_("numbers differ by one character"),
    "NUMBER_NEIGHBOUR": N_("neighbouring number of one series"),
    "ISSUED_SAME_DAY": N_("issued on the same day"),
    "ISSUED_WITHIN_5_DAYS": N_("issued within 5 days"),
    "GOODS_SAME": N_("names the same goods"),
    "BOX_SAME": N_("same container on overlapping journeys"),
    "VALUE_NOT_COVERED": N_("the declared value does not cover all claims"),
}
VERDICTS: Final[Mapping[str, str]] = {
    "APPROVED": N_("approved"),
    "REJECTED": N_("rejected"),
    "WITHDRAWN": N_("withdrawn"),
}
OBSTACLES: Final[Mapping[str, str]] = {
    "CLOSED": N_("Somebody has ended this proposal meanwhile. See below how."),
    "EXPIRED": N_("This proposal has run out. It has to be prepared again."),
    "SAME_PERSON": N_(
        "Who prepared a decision never approves or rejects it. Ask somebody else of your bank."
    ),
    "NOT_ITS_MAKER": N_("Only who prepared it withdraws it."),
    "NOT_CHECKER": N_("You may not approve or reject for your bank now."),
    "NOT_MAKER": N_("Who prepared it may not prepare decisions any more. It has to be prepared again."),
    "ABOVE_LIMIT": N_(
        "This is more than you may approve. Somebody of your bank with a higher limit approves it, or whoever sets limits raises yours."
    ),
    "MAKER_ABOVE_LIMIT": N_(
        "This is more than who prepares it may prepare. Somebody with a higher limit prepares it, or whoever sets limits raises that one."
    ),
    "AMOUNT_CHANGED": N_(
        "This amounts to something else than when it was prepared. It has to be prepared again."
    ),
}


KINDS: Final[Mapping[str, str]] = {
    "INVOICE": N_("invoices"),
    "TRANSPORT_DOCUMENT": N_("transport documents"),
    "NOTE": N_("consignment notes"),
    "DECLARATION": N_("customs declarations"),
    "CARGO": N_("containers by day of loading"),
    "CONSIGNMENT": N_("consignments"),
}
LIMITS: Final = N_("Other registries and the legal priority register remain decisive.")


def fact(name: str) -> str:
    """The words for a fact by its name; the name itself where there are none."""
    return FACTS.get(name, name)
