"""The access log."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.api.responses.base import Moment, NextCursor, Shape


class LoggedRead(Shape):
    """One read of the caller's data by somebody else."""

    at: Moment
    by: Annotated[str, Field(description="The party that read.")]
    purpose: Annotated[str | None, Field(description="The purpose that it named, if any.")]
    route: str
    resource: Annotated[str, Field(description="kind:reference of what was read.")]
    status: int


class AccessLogPage(Shape):
    """Reads, the latest first."""

    items: list[LoggedRead]
    next: NextCursor
