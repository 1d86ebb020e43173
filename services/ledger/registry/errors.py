"""What a change of the registry can be refused for."""

from __future__ import annotations


class RegistryError(Exception):
    """A change that the registry does not allow: what was wrong, and what to do instead ("" when that is plain)."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()
