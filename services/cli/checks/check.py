"""One thing that was looked at, and how a look that fails becomes a finding itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.cli.checks.reasons import why


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: ``ok`` or not, what was ``found``, and the command that mends it ("" where all is well)."""

    name: str
    ok: bool
    found: str
    mend: str = ""

    @property
    def why(self) -> str:
        """Why it was looked at, in one clause."""
        return why(self.name)


def judged(name: str, ok: bool, found: str, mend: str) -> Check:
    """Return the check; ``mend`` is left out where nothing has to be mended."""
    return Check(name, ok, found, "" if ok else mend)


def shortened(names: list[str], most: int = 3) -> str:
    """Return the first ``most`` names, and how many are left out."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def guarded(
    name: str, look: Callable[[], Iterator[Check]], failures: tuple[type[Exception], ...], mend: str
) -> Iterator[Check]:
    """Yield what ``look`` finds; one of ``failures`` ends it with a finding under ``name``."""
    try:
        yield from look()
    except failures as problem:
        first = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        yield Check(name, False, first, mend)
