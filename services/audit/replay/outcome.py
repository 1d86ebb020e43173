"""What a replay returns and raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.audit.report import Difference


class ReplayError(Exception):
    """The state could not be rebuilt or not be put in use: what was wrong, and what to do. The state in use is untouched."""


def described(difference: Difference) -> str:
    """The text of a difference between the generation in use and the rebuilt one."""
    return f"{difference.row}: {difference.stored} in use, {difference.expected} rebuilt"


class Differs(ReplayError):
    """The rebuilt state is not the one in use although both fold by the same rules: one of them is damaged."""

    def __init__(self, generation: int, count: int, differences: Sequence[Difference]) -> None:
        shown = "".join(f"\n  {described(difference)}" for difference in differences[:5])
        super().__init__(
            f"{count} rows of generation {generation} differ from the state in use; nothing was switched. "
            "Run `lianyun fsck`: where it finds the state in use damaged, replay again and accept the differences."
            f"{shown}"
        )
        self.count = count
        self.differences = tuple(differences)


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What was done. ``hold_seconds`` is the longest time that batches were held; ``differences`` how many rows differ.

    ``events`` were read from their bytes in ``build_seconds``, the rest of ``seconds`` went into catching up, comparing
    and switching. ``compared`` counts the heads that were compared, ``shown`` describes the first differences.
    """

    generation: int
    previous: int
    fold_version: str
    previous_fold_version: str
    events: int
    caught_up: int
    compared: int
    differences: int
    seconds: float
    build_seconds: float
    hold_seconds: float
    holds: int
    shown: tuple[str, ...] = field(default=())

    @property
    def events_per_second(self) -> float:
        """Events rebuilt for each second of building: reading, interpreting, storing and folding."""
        return self.events / self.build_seconds if self.build_seconds else 0.0
