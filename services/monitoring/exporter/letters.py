"""Dead letters: how many, whose, why, what became of them, and how old the oldest open ones are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import Connection

from services.domain.facts import Micros
from services.ledger.dead_letters.letter import LetterState
from services.ledger.dead_letters.store import cut_tallies, oldest_open, outcome_counts, tallies
from services.monitoring.exporter.sample import SECOND, Sample
from services.telemetry import gauges


def ask(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
    """The samples of all letters that are kept."""
    unanswered = 0
    for tally in tallies(session):
        labels = (tally.publisher, str(tally.reason), str(tally.state))
        yield Sample(gauges.DEAD_LETTERS, labels, tally.letters)
        unanswered += tally.letters if tally.state is LetterState.OPEN else 0
    yield Sample(gauges.DEAD_LETTERS_OPEN, (), unanswered)
    for publisher, micros in oldest_open(session).items():
        yield Sample(gauges.DEAD_LETTER_OLDEST, (publisher,), micros / SECOND)
    for (publisher, reason), messages in cut_tallies(session).items():
        yield Sample(gauges.DEAD_LETTERS_CUT, (publisher, str(reason)), messages)
    for outcome, count in outcome_counts(session).items():
        yield Sample(gauges.DEAD_LETTER_OUTCOMES, (outcome,), count)
