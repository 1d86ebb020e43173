"""One test for an invariant that holds for every case of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

Case = TypeVar("Case")


def holds_for(cases: Mapping[str, Case]) -> Callable[[Callable[[Case], None]], Callable[[], None]]:
    """Make one test of a check of one case: it checks all of ``cases`` and names every one that fails.

    The message lists the failures by name; their tracebacks are its cause. An empty table fails.
    """

    def decorate(check: Callable[[Case], None]) -> Callable[[], None]:
        def test() -> None:
            failures: dict[str, Exception] = {}
            for name, case in cases.items():
                try:
                    check(case)
                except Exception as failure:
                    failures[name] = failure
            assert cases, "there is no case to check"
            if failures:
                lines = "\n".join(
                    f"  {name}: {failure or type(failure).__name__}" for name, failure in failures.items()
                )
                raise AssertionError(
                    f"does not hold for {len(failures)} of {len(cases)}:\n{lines}"
                ) from ExceptionGroup("failures", list(failures.values()))

        # Not functools.wraps: pytest would look for a fixture by the name of the check's parameter.
        test.__name__, test.__qualname__ = check.__name__, check.__qualname__
        test.__module__, test.__doc__ = check.__module__, check.__doc__
        return test

    return decorate
