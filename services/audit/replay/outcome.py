"""What a replay says: how far it is, what it did, and why it did not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Progress = Callable[[str, int, int], None]
"""(stage, done, of): called after each step; ``of`` is 0 where the amount is not known."""


class ReplayError(Exception):
    """The state could not be rebuilt or not be put in use: what was wrong, and what to do. The state in use is untouched."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that the two generations have differently: ``table``, its key in hexadecimal digits, both values as text."""

    table: str
    key: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.table} {self.key}: {self.old} in use, {self.new} rebuilt"


class Differs(ReplayError):
    """The rebuilt state is not the one in use although both fold by the same rules: one of them is damaged."""

    def __init__(self, generation: int, count: int, differences: Sequence[Difference]) -> None:
        shown = "".join(f"\n  {difference}" for difference in differences[:5])
        super().__init__(
            f"{count} rows of generation {generation} differ from the state in use; nothing was switched. "
            "Run `lianyun fsck`: where it finds the state in use damaged, replay again and accept the differences."
            f"{shown}"
        )
        self.count = count
        self.differences = tuple(differences)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was done. ``hold_seconds`` is the longest time that batches were held; ``differences`` how many rows differ.

    ``events`` were read from their bytes in ``build_seconds``, the rest of ``seconds`` went into catching up, comparing
    and switching. ``settled`` counts the heads that both generations were compared by.
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
    shown: tuple[Difference, ...] = field(default=())

    @property
    def events_per_second(self) -> float:
        """Events rebuilt for each second of building: reading, interpreting, storing and folding."""
        return self.events / self.build_seconds if self.build_seconds else 0.0
