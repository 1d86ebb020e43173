"""Bodies of requests about webhooks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.notifications.webhooks.address import MAX_URL

DAY = 86_400

Type = Literal[
    "consignment.changed.v1", "consignment.notice.v1", "financing.alert.v1", "financing.decided.v1"
]
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
