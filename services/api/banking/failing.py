"""Lists of financings of which our own code fails on one: it is named beside the others, which are told all the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg

from services.api.problems import Problem

log = logging.getLogger(__name__)
T = TypeVar("T")


def each(names: Sequence[str], work: Callable[[list[str]], list[T]]) -> tuple[list[T], list[str]]:
    """What ``work`` gives for ``names`` together, or where that fails for one after another; and the names that fail alone.

    Raises Problem, and what the infrastructure raises.
    """
    try:
        return work(list(names)), []
    except (Problem, psycopg.Error, OSError, MemoryError):
        raise
    except Exception as problem:
        if len(names) > 1:
            found = [each([name], work) for name in names]
            return [one for done, _ in found for one in done], [name for _, left in found for name in left]
        log.error(
            "financing %s cannot be judged",
            names[0],
            exc_info=problem,
            extra={"action": "financing_failed", "financing": names[0]},
        )
        return [], list(names)
