"""One rule for customs jurisdictions: a fact is of the customs administration of a country, never of a union.

Which union a country belongs to is derived from it (``schemas.railnet.customs_union``), so a union in its place would hide whose word it is.
"""

from __future__ import annotations

from schemas.events.base import LinkPayload, Milestone, Payload
from schemas.events.correction import Corrected
from schemas.identifiers import country
from schemas.reasons import Reason, Refusal


def require_jurisdiction(payload: Payload) -> None:
    """Raise Refusal where the jurisdiction of ``payload``, or of its replacement, is not a country of ISO 3166-1.

    Payloads that were admitted before this was a rule are read without it.
    """
    if isinstance(payload, Corrected):
        _require(payload.replacement.payload, "/replacement/data")
    else:
        _require(payload, "")


def _require(payload: Payload, at: str) -> None:
    code = payload.jurisdiction_code if isinstance(payload, Milestone | LinkPayload) else ""
    if code and (remedy := country.instead(code)):
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The jurisdiction {code} is no country; customs facts are of a country's customs administration.",
            f"{at}/jurisdiction",
            remedy,
        )
