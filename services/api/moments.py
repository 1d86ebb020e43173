"""A moment as a caller writes it in a parameter."""

from __future__ import annotations

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.api.problems import Problem


def moment(text: str | None, name: str, otherwise: int) -> int:
    """A time of a query parameter in UTC microseconds; Problem invalid where it is none."""
    if text is None:
        return otherwise
    try:
        return parse_micros(text)
    except Refusal as refusal:
        raise Problem("invalid", errors=[{"parameter": name, "detail": refusal.detail}]) from None
