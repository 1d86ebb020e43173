"""What was looked up once about many things that hardly change any more, remembered for about a day."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

from psycopg import Connection

from services.domain.facts import Micros
from services.domain.rules import HOUR

SECONDS = 5.0
"""How long one look goes on; the rest is for the next ones."""
AT_ONCE = 500
_REMEMBERED = 24 * HOUR
_SPREAD = 12 * HOUR

T = TypeVar("T")


class Remembered(Generic[T]):
    """Answers of ``ask``, which is given some ids and may leave out those of which there is nothing to say: ``nothing``."""

    def __init__(
        self, ask: Callable[[Connection[Any], Sequence[UUID]], Mapping[UUID, T]], nothing: T
    ) -> None:
        self._ask, self._nothing = ask, nothing
        self._known: dict[UUID, tuple[T, Micros]] = {}  # until when it is believed

    def of(self, session: Connection[Any], wanted: Sequence[UUID], now: Micros) -> Mapping[UUID, T] | None:
        """The answer for each that is ``wanted``; all others are forgotten. None while some are still to be looked up."""
        self._known = {
            one: found for one in wanted if (found := self._known.get(one)) is not None and found[1] > now
        }
        unknown = [one for one in wanted if one not in self._known]
        end = time.monotonic() + SECONDS
        for start in range(0, len(unknown), AT_ONCE):
            if time.monotonic() >= end:
                return None
            some = unknown[start : start + AT_ONCE]
            answers = self._ask(session, some)
            for one in some:
                until = now + _REMEMBERED + one.int % _SPREAD  # not all at the same time
                self._known[one] = (answers.get(one, self._nothing), until)
        return {one: answer for one, (answer, _) in self._known.items()}
