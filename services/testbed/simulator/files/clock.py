"""Times as parties write them: on the party's own clock, in the forms that lists of its country use."""

from __future__ import annotations

from datetime import datetime

from services.testbed.simulator.cast import CAST
from services.testbed.simulator.reports import moment
from services.testbed.simulator.world import MINUTE


def local(party: str, at: int) -> datetime:
    """``at`` (UTC microseconds) on the clock of ``party``, with its offset."""
    return moment(at).astimezone(CAST[party].zone)


def bare(party: str, at: int) -> datetime:
    """The same as a spreadsheet keeps it: without an offset."""
    return local(party, at).replace(tzinfo=None)


def floor(at: int, minutes: int) -> int:
    """``at`` cut to so many whole minutes, as plans are made."""
    return at // (minutes * MINUTE) * (minutes * MINUTE)
