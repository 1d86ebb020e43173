"""Why a record that could be read is not taken into the spool, and what its sender can do."""

from __future__ import annotations

from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import format_micros
from services.producers.formats.model import Said, Where


def outdated(said: Said, later: int) -> Refusal:
    """A later edition of the record's list is known, made at ``later`` (UTC microseconds)."""
    return Refusal(
        Reason.INVALID_TIME,
        f"A later edition of {said.edition}, made at {format_micros(later)}, was published before this one.",
        "/time",
        "Send the later edition again if it is the one that counts, or one made after it.",
    )


def twice(identity: str, where: Where) -> Refusal:
    """Two records of one run have one id and say different things."""
    return Refusal(
        Reason.ID_USED_TWICE,
        f"Record {identity!r} says something else than the one at {where}.",
        "/id",
        "Give each record an id of its own, or leave out the one that is wrong.",
    )


def changed(identity: str) -> Refusal:
    """The record was published with other content, and this is no run that mends."""
    return Refusal(
        Reason.ID_USED_TWICE,
        f"Record {identity!r} was published before with other content.",
        "/id",
        "To correct what was published, run it again with --amend; something new needs an id of its own.",
    )
