"""What webhooks are asked for and answered with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.webhooks.address import MAX_URL
from services.webhooks.signature import SchemeName
from services.webhooks.subscriptions import State

DAY = 86_400

Type = Literal["consignment.changed.v1", "financing.alert.v1", "financing.decided.v1"]
Types = Annotated[list[Type], Field(min_length=1, max_length=16, description="What to be told of.")]
Url = Annotated[str, Field(min_length=1, max_length=MAX_URL, description="https, publicly reachable.")]
Description = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewWebhook(_Body):
    """A webhook to be made."""

    url: Url
    types: Types
    description: Description = ""


class ChangedWebhook(_Body):
    """What a webhook is to be from now on; what is left out stays."""

    url: Url | None = None
    types: Types | None = None
    description: Description | None = None
    state: Literal["ENABLED", "PAUSED"] | None = None


class Rotation(_Body):
    """A new secret; the present one signs as well until the overlap ends."""

    scheme: Literal["v1", "v1a"]
    overlap_seconds: int = Field(DAY, ge=0, le=30 * DAY)


class Replay(_Body):
    """From when on to tell again."""

    since: str = Field(description="RFC 3339 with an offset; as `timestamp` of a message")


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
    """One message and how telling it went."""

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
