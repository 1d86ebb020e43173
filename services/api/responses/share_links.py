"""Answers about share links."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.api.requests.share_links import Shown
from services.api.responses.base import Moment, NextCursor, Shape


class ShareLinkShown(Shape):
    """A link of the caller's party."""

    id: str
    consignment: str
    fields: list[Shown]
    label: str
    made: Moment
    expires: Moment
    ended: Annotated[Moment | None, Field(description="When it was ended by hand.")]
    state: Literal["OPEN", "ENDED", "EXPIRED"]
    opened: Annotated[int, Field(description="How often it was opened.")]


class MadeShareLink(ShareLinkShown):
    """A new link. The token is nowhere else: who loses it makes another link."""

    token: Annotated[str, Field(description="192 random bits. Its SHA-256 is all that is stored.")]
    path: Annotated[str, Field(description="The path on the pages of the platform.", examples=["/s/..."])]
    url: Annotated[str | None, Field(description="The whole address, where the API knows that of the pages.")]


class ShareLinks(Shape):
    """Links, the newest first."""

    items: list[ShareLinkShown]
    next: NextCursor


class Openings(Shape):
    """When a link was opened, the latest first."""

    items: list[Moment]
    next: NextCursor
