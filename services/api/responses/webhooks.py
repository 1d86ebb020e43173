"""Answers about webhooks."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from services.notifications.webhooks.signature import SchemeName
from services.notifications.webhooks.subscriptions import State


class Webhook(BaseModel):
    """An endpoint of the caller."""

    id: str
    url: str
    types: list[str]
    description: str
    state: State
    reason: str | None = Field(description="why it is not enabled")
    created: str


class WebhookSeen(Webhook):
    """A webhook and how it fares."""

    failing_since: str | None = Field(description="the first failure after the latest success")
    last_success: str | None


class WebhookList(BaseModel):
    """All webhooks of the caller."""

    items: list[WebhookSeen]
    next: str | None


class Secret(BaseModel):
    """What the receiver verifies with: `whsec_...` (HMAC, keep it secret) or `whpk_...` (the public key of Ed25519)."""

    scheme: SchemeName
    key: str
    created: str
    expires: str | None = Field(description="null: the present one")


class Secrets(BaseModel):
    """All that sign now, the present one of each scheme first."""

    items: list[Secret]


class Delivery(BaseModel):
    """One message and how its delivery went."""

    message: str = Field(description="the webhook-id")
    type: str
    timestamp: str
    state: Literal["WAITING", "DELIVERED", "DEAD"]
    attempts: int
    next_attempt: str | None
    last_attempt: str | None
    status: int | None = Field(description="HTTP status of the last answer")
    detail: str


class Deliveries(BaseModel):
    """Deliveries, the latest news first."""

    items: list[Delivery]
    next: str | None


class Queued(BaseModel):
    """How many deliveries were put into the queue; of a test, its message."""

    queued: int
    message: str | None = None
