"""Bodies of requests about share links."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.api.access.share_links import LABEL

Shown = Literal["movement", "ids", "declaration_status", "inspection", "goods", "invoice"]


class NewShareLink(BaseModel):
    """A link to be made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    consignment: Annotated[
        str, Field(min_length=1, max_length=200, description="Its reference: party/reference.")
    ]
    fields: Annotated[
        list[Shown], Field(max_length=6, description="What it shows beside `movement`, which it always does.")
    ] = []
    expires: Annotated[str, Field(max_length=40, description="RFC 3339: after now, within 366 days.")]
    label: Annotated[
        str,
        Field(
            max_length=LABEL, pattern=r"^[^\x00-\x1f\x7f]*$", description="A name that only its owner sees."
        ),
    ] = ""
