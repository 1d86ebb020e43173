"""Answers about offshore deals: the report along three lines, and decisions on annotations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from services.api.responses.base import EventName, Moment, Shape


class SeenObject(Shape):
    """What a fact is about."""

    kind: str
    id: str


class Confirming(Shape):
    """A fact about the goods, and who published it."""

    event: EventName
    by: str
    assurance: Literal["SIGNED_BY_AUTHORITY", "RELAYED", "ASSERTED"]
    milestone: str
    happened: Moment
    object: Annotated[SeenObject | None, Field(description="Null where the caller may not see numbers.")]
    jurisdiction: str | None
    place: str | None
    procedure: Annotated[str | None, Field(description="The customs procedure, where the fact says it.")]


class ReportLine(Shape):
    """One line of the report. Lists are null for whoever is shown the verdict alone."""

    line: Literal["CARRIAGE", "BOXES", "GOODS"]
    confirmed: Annotated[
        bool, Field(description="Somebody beside the owner published it and nothing is missing.")
    ]
    by: list[Confirming] | None
    missing: list[str] | None
    unseen: Annotated[list[str] | None, Field(description="Boxes of the deal that nobody reported.")]


class CheckSays(Shape):
    """What a check of the papers says of the deal."""

    check: Literal["D31", "D32"]
    verdict: Literal["MATCH", "REVIEW", "CONTRADICTION", "NOT_COMPARABLE", "MISSING"]
    reason: str


class StatedBy(Shape):
    """The statement that counts."""

    by: str
    published: Moment
    event: EventName


class AnnotatedAmount(Shape):
    """In minor units."""

    minor_units: int
    currency_code: str


class AnnotationDecision(Shape):
    """A recorded decision; the same request is the same decision. Never who else annotated or pledged, nor what is left."""

    number: int
    action: Literal["ANNOTATE", "REVOKE"]
    outcome: Literal["DONE", "REFUSED"]
    annotation: Annotated[
        int | None, Field(description="What a revocation names; null where it was refused.")
    ]
    deal: str
    kind: Literal["INVOICE", "TRANSPORT", "DECLARATION"]
    amount: Annotated[AnnotatedAmount | None, Field(description="Null: the whole paper.")]
    at: Moment
    guard: str | None
    satisfied_by: str | None


class OffshoreDeal(Shape):
    """What confirms an offshore deal, who said it and what is missing. It does not say that the deal is genuine: the bank judges that."""

    deal: str
    deal_class: Annotated[
        Literal["OFFSHORE", "RESOLD_IN_TRANSIT", "TRANSIT_THROUGH_CHINA", "TOUCHES_HOME_TERRITORY"],
        Field(alias="class"),
    ]
    follows_from: Annotated[
        list[Confirming] | None, Field(description="Facts before home customs or in home territory.")
    ]
    lines: list[ReportLine]
    findings: list[CheckSays]
    stated: StatedBy | None
    data: Annotated[
        dict[str, Any] | None, Field(description="The deal as stated; null for the verdict alone.")
    ]
    annotations: Annotated[list[AnnotationDecision], Field(description="The caller's own that stand.")]
