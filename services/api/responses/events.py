"""Answers about posted events, and the media types in which events are posted."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, Field

from services.api.cloudevents.offer import MAX_EVENTS
from services.api.cloudevents.outcomes import Outcome
from services.api.events.request import BATCH, SINGLE


class Remark(BaseModel):
    """What is doubtful about an event that is not refused for it."""

    code: str = Field(description="stable; docs/reference/remarks.md has all")
    pointer: str = Field(description="JSON pointer into the payload")
    found: str
    text: str
    remedy: str


class EventResult(BaseModel):
    """What became of one event. ``reason``, ``detail``, ``pointer`` and ``remedy`` stand with ``refused`` only."""

    source: str | None = Field(description="null by a handle, as long as the event is not stored")
    id: str | None
    outcome: Outcome | None = Field(description="null: not acknowledged, send it again")
    handle: str | None = Field(None, description="ask by it: GET /v1/events/{handle}")
    reason: str | None = None
    detail: str | None = None
    pointer: str | None = Field(
        None, description="JSON pointer into the payload or the event, or header:<name>"
    )
    remedy: str | None = None
    remarks: list[Remark] | None = Field(None, description="absent where there are none, and with refused")


class EventResults(BaseModel):
    """One result for each event of the request, in its order."""

    results: list[EventResult]


FINAL: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/EventResults"}}}
BODY: Final = {
    "required": True,
    "content": {
        SINGLE: {
            "schema": {"type": "object", "description": "A CloudEvent with the extension lianyunsignature."}
        },
        BATCH: {
            "schema": {
                "type": "array",
                "items": {"type": "object"},
                "description": f"At most {MAX_EVENTS} CloudEvents, else content-too-large.",
            }
        },
        "application/json": {"schema": {"description": "The payload as signed; attributes in ce- headers."}},
    },
}
