"""Exit codes, and the failure of a command with problem and suggestion."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The documented exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    FINDINGS = 3
    UNREACHABLE = 4
    NOT_FOUND = 5
    INTERRUPTED = 130


class Failure(Exception):
    """Ends a command with ``code``; ``problem`` is what was wrong, ``suggestion`` what to do next."""

    def __init__(self, code: Exit, problem: str, suggestion: str) -> None:
        super().__init__(problem)
        self.code, self.problem, self.suggestion = code, problem, suggestion
