"""The SQL of panels, by name."""

from services.runtime.named_sql import statements_beside


def statement(name: str) -> str:
    """The text of a statement, without what is said about it above."""
    lines = _read(name).strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


_statement = statements_beside(__file__)


def _read(name: str) -> str:
    return _statement(name).decode()
