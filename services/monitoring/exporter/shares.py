"""Medians and the like of times that were measured one by one."""

from __future__ import annotations

from collections.abc import Sequence

from services.domain.facts import Micros


def share(ordered: Sequence[Micros], percent: int) -> Micros:
    """The least of ``ordered`` (ascending, not empty) that so many in a hundred do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1]
