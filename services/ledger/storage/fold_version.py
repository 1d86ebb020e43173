"""The version of the fold: a digest of all code and data that decide what state and views the stored events give.

A state generation carries one, and a worker with another refuses to write to it. An upgrade is a replay into a new generation
and a switch.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from services.ledger.storage import statement
from services.runtime.code_digest import sources, statements, version_of

RULES = ("services.domain", "schemas.events", "schemas.railnet", "schemas.envelope", "schemas.rfc3339")
"""From a payload to facts and from facts to views; packages stand for all their modules."""
ROWS = tuple(
    f"services.ledger.storage.{module}"
    for module in ("rows", "term_numbers", "state", "structure", "reachability", "settlement")
)
"""From facts to the rows of a generation; the statements that these modules name belong to the fold."""


@cache
def fold_version() -> str:
    """The version of the fold that this process has, 16 hex digits; about 75 ms of processor time at the first call.

    RuntimeError where sources of it are not installed.
    """
    return version_of(fold_parts())


def fold_parts() -> dict[str, bytes]:
    """All that the version covers, by name: sources, statements and tables of a generation, data of railnet."""
    rows = sources(*ROWS)
    tables = files("services.ledger.storage").joinpath("generation.sql").read_bytes()
    network = files("schemas.railnet").joinpath("data")
    return {
        **sources(*RULES),
        **rows,
        **statements(statement, rows),
        "generation.sql": tables,
        **{file.name: file.read_bytes() for file in network.iterdir() if file.name.endswith(".csv")},
    }
