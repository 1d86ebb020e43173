"""Room under a key that several deals stand under: how much of it is taken, and whether another part still fits.

A key without a share is taken whole. A known share takes its part of a whole that all must state alike; measures are
never converted, so a deal that counts in another currency or unit is for people to look at, not for arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from services.financing.domain.documents import Share


class Room(IntEnum):
    """Whether a part fits beside others; the greater the graver."""

    FITS = 0
    SPLIT_UNKNOWN = 1
    EXCEEDED = 2
    TAKEN = 3


class Fit(NamedTuple):
    """The verdict, and what would be left of ``measure`` (None where it cannot be said)."""

    room: Room
    residual: int | None = None
    measure: str = ""


def fit(asked: Share | None, taken: Iterable[Share | None]) -> Fit:
    """Whether ``asked`` fits under one key beside the shares that are ``taken`` there by others."""
    others = tuple(taken)
    if not others:
        return _alone(asked)
    if asked is None or None in others:
        return Fit(Room.TAKEN)
    known = [share for share in others if share is not None and share.known]
    if not asked.known or len(known) < len(others):
        return Fit(Room.SPLIT_UNKNOWN)
    if any((share.measure, share.whole) != (asked.measure, asked.whole) for share in known):
        return Fit(Room.SPLIT_UNKNOWN)
    residual = asked.whole - sum(share.part for share in known) - asked.part
    if residual < 0:
        return Fit(Room.EXCEEDED, residual + asked.part, asked.measure)
    return Fit(Room.FITS, residual, asked.measure)


def _alone(asked: Share | None) -> Fit:
    if asked is None:
        return Fit(Room.FITS)
    if not asked.known:
        return Fit(Room.FITS)  # nobody else is there; the next one has to ask how it is split
    return Fit(Room.FITS, asked.whole - asked.part, asked.measure)
