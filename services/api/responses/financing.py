"""Answers about financings, decisions and cargo: amounts in minor units, times with an offset, never another bank."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from services.api.responses.base import Cursor, EventName, Moment, NextCursor, Shape

Assurance = Literal["SIGNED_BY_AUTHORITY", "RELAYED", "ASSERTED"]
Day = Annotated[str, Field(json_schema_extra={"format": "date"}, examples=["2026-03-02"])]
Limits = Annotated[str, Field(description="What the answer cannot say: which registers remain decisive.")]
NotJudged = Annotated[
    list[str],
    Field(description="Financings that the platform fails to judge by a fault of its own; look at them."),
]
Number = Annotated[
    int, Field(description="Opaque and stable for the caller; it tells nothing of how much was counted.")
]


class Money(Shape):
    """An amount in minor units of its currency (ISO 4217): 12.34 EUR is 1234."""

    minor_units: int
    currency_code: str


class WaiverGrounds(Shape):
    """The ground on which a security was given back although something was owed."""

    grounds: str


class SharedThing(Shape):
    """An object that identifies goods: a box, a note, a declaration or a consignment."""

    kind: str
    id: str


class Resembling(Shape):
    """What a deal has in common with others that are held, and never with whose."""

    kind: str
    features: Annotated[list[str], Field(description="What is alike, and how near.")]
    points: Annotated[
        int, Field(description="By the published table; from its `review_from` on people look.")
    ]
    table: str
    deals: Annotated[int, Field(description="With how many.")]


class Decision(Shape):
    """A recorded decision. The same request under the same key is the same decision."""

    outcome: Literal["DONE", "REFUSED", "REVIEW"]
    financing: str | None = None
    number: Number | None = None
    guard: Annotated[str | None, Field(description="The rule that refused, or asks for a review.")] = None
    satisfied_by: Annotated[str | None, Field(description="What would satisfy the guard.")] = None
    match: Annotated[str | None, Field(description="How what was found resembles what was asked.")] = None
    until: Annotated[Moment | None, Field(description="How long the reservation lasts.")] = None
    amount: Annotated[
        Money | None,
        Field(description="What may be paid out, what is owed on a waiver, or what a part is worth."),
    ] = None
    notices: list[str] = []
    shares: list[SharedThing] = []
    waiver: WaiverGrounds | None = None
    goods: Annotated[list[SharedThing], Field(description="What a partial release gives back.")] = []
    resembles: Annotated[
        list[Resembling], Field(description="What is alike, where people have to look.")
    ] = []
    limits: Limits


class CargoDecision(Shape):
    """A recorded decision on a request about cargo; never who holds what in it."""

    action: Literal["RELEASE_ORDER", "RECONSIGN", "TRANSFER"]
    allowed: bool
    guard: str | None
    satisfied_by: str | None
    shares: list[SharedThing]
    goods: Annotated[
        list[SharedThing], Field(description="Goods given back, which the request is confined to.")
    ]
    number: Number | None


class RegistryAnswer(Shape):
    """What another registry said of the papers. UNAVAILABLE never counts as CLEAR."""

    registry: str
    finding: Literal["CLEAR", "HIT", "UNAVAILABLE"]
    at: Moment


class RegistryAnswers(Shape):
    """One answer of each required registry."""

    financing: str
    answers: list[RegistryAnswer]


class FinancingSummary(Shape):
    """A financing in a list."""

    financing: str
    application: str
    applicant: str
    product: str
    interest: str
    stage: str
    reserved_until: Moment | None
    pledged: bool
    blocks_release: bool
    approved: Money | None
    advance_rate: Annotated[int | None, Field(description="Basis points.")]
    matures_on: Day | None
    drawn: Money | None
    outstanding: Money | None
    position: Number


class FinancingPage(Shape):
    """The bank's financings, by its own references."""

    items: list[FinancingSummary]
    next: NextCursor
    not_judged: NotJudged


class ThingStatus(Shape):
    """The bank's own financings of a thing, and whether an applicant's interest in it is taken by anybody."""

    kind: str | None
    id: str | None
    financings: list[FinancingSummary]
    interest_taken: Annotated[
        bool | None, Field(description="null: no application was named, or none to this bank.")
    ]
    limits: Limits


class DocumentsStatus(Shape):
    """The bank's own financings that hold what the papers stand for."""

    financings: list[FinancingSummary]
    limits: Limits


class Statement(Shape):
    """One publisher's word for a fact."""

    by: str
    assurance: Assurance
    happened: Moment
    event: EventName | None


class Fact(Shape):
    """A fact with everybody who said it and how sure that is."""

    milestone: str
    object: str
    place: str | None
    jurisdiction: str | None
    assurance: Annotated[Assurance, Field(description="The best that anybody offers.")]
    sayers: int
    disputed: bool
    said: list[Statement]


class VerifiedValue(Shape):
    """The value that the invoices of independent publishers support."""

    verified: Money | None
    said_by: list[str]
    invoices_too_few_state: int
    events: list[EventName]


class CargoControl(Shape):
    """Control over the cargo of one consignment note."""

    note: str
    note_type: str | None
    duplicate_holder: str | None
    consignee_may_dispose: bool
    ends_at: Moment | None
    grip: Annotated[str, Field(description="HELD is control; DISPUTED and ASSERTED are none.")]
    assurance: Assurance
    events: list[EventName]
    transfer: Annotated[
        str | None,
        Field(
            description="The effective transfer by which an original of the register of documents is held; null: a note."
        ),
    ] = None
    since: Moment | None = None


class LegalRegistration(Shape):
    """An entry of the security in a legal register; priority is decided there."""

    name: str
    country: str
    number: str
    registered_on: Day
    expires_on: Day | None
    event: EventName | None


class AlertAcknowledgement(Shape):
    """Who acknowledged an alert: a client over HTTP (``at``, ``by``, ``remark``), or a signed ``event``."""

    at: Moment | None = None
    by: str | None = None
    remark: str | None = None
    event: EventName | None = None


class Alert(Shape):
    """What has to be looked at, with the events behind it."""

    id: str
    financing: str
    covenant: str
    about: str
    since: Moment
    events: list[EventName]
    moved_to: Annotated[
        list[str],
        Field(description="The consignments that pledged goods were moved to, as founder/reference."),
    ]
    acknowledged: AlertAcknowledgement | None


class AlertList(Shape):
    """The alerts of one financing, all on one page."""

    items: list[Alert]
    next: NextCursor


class AlertPage(Shape):
    """The alerts of the bank's open financings; a page may hold none and have a next."""

    items: list[Alert]
    next: NextCursor
    not_judged: NotJudged


class FeedItem(Shape):
    """A financing to look at again, and the event that says so."""

    financing: str
    event: EventName | None


class AlertFeed(Shape):
    """Financings to look at again, in the order in which the facts were accepted."""

    items: list[FeedItem]
    next: Annotated[Cursor, Field(description="Always given: ask again with it, also from the end on.")]


class HistoryStep(Shape):
    """A decision by its number, or a fact by its event."""

    at: Moment
    what: str
    outcome: str | None
    by: str | None
    number: Number | None
    event: EventName | None
    guard: str | None
    waiver: WaiverGrounds | None
    goods: list[SharedThing]


class History(Shape):
    """What happened to a financing, in the order of its times."""

    financing: str
    position: Number
    items: list[HistoryStep]


class GivenBack(Shape):
    """What a bank gave back of a security while the rest stays pledged, and what it was worth."""

    goods: list[SharedThing]
    value: Money | None


class Financing(Shape):
    """All of one financing, as of ``as_of``, as it was known at ``known_at``."""

    financing: str
    application: str
    applicant: str
    product: str
    interest: str
    as_of: Moment
    known_at: Moment
    stage: str
    reserved_until: Moment | None
    pledged: bool
    blocks_release: bool
    approved: Money | None
    advance_rate: Annotated[int | None, Field(description="Basis points.")]
    matures_on: Day | None
    drawn: Money | None
    outstanding: Money | None
    given_back: GivenBack
    value: VerifiedValue
    corroboration: list[Fact]
    control: list[CargoControl]
    legal_register: list[LegalRegistration] | Literal["not registered"]
    alerts: list[Alert]
    history: list[HistoryStep]
    position: Number
    limits: Limits


class QuestionAnswer(Shape):
    """The answer to one of a lender's ten questions, with who says so and the events behind it."""

    number: Annotated[int, Field(ge=1, le=10)]
    question: str
    value: Annotated[
        Any, Field(description="In the form of its question; null where nobody told the platform.")
    ]
    said_by: list[str]
    events: list[EventName]
    position: Number


class TenAnswers(Shape):
    """The ten questions of a lender, in their order."""

    financing: str
    answers: list[QuestionAnswer]


class StatedInvoice(Shape):
    """An invoice of that number as one publisher states it, compared member by member with what was presented."""

    by: str
    engaged: Annotated[bool, Field(description="Whether the publisher takes part in the consignment.")]
    agrees: dict[str, bool]
    hs: list[str]
    event: EventName | None


class InvoiceCorroboration(Shape):
    """What is stated of the invoice."""

    number: str
    stated: list[StatedInvoice]
    publishers_that_agree: int


class CorroborationFound(Shape):
    """What others say of an invoice that was presented, and of the goods that it is for."""

    invoice: InvoiceCorroboration
    goods: list[Fact]
    limits: Limits
