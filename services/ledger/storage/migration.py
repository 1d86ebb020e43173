"""Migrations as files: their numbers, their phase (before or after a deployment), the baseline and the previous release.

A migration *before* prepares the schema for the new release while the old one runs on it (expand). One *after* removes what only
the old release needed (contract). The first line of a file names the phase: ``-- deploy: after``; the default is before.
``-- deploy: before, outside a transaction`` is for what Postgres refuses in a transaction: the statements are run one by one,
and each must be repeatable.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from services.ledger.storage.errors import MigrationError

FOLDER = Path(__file__).with_name("migrations")
RELEASED = Path(__file__).with_name("released.toml")
BASELINE = Path(__file__).with_name("baseline.toml")

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_HEADER = re.compile(r"-- deploy: (before|after)(, outside a transaction)?")


class Phase(StrEnum):
    """When a migration runs."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The migrations of earlier releases that the first file of ``migrations/`` replaces, by number, with name and checksum."""

    commit: str
    replaces: Mapping[int, tuple[str, str]]

    @property
    def level(self) -> int:
        """The number of the last one, which is the baseline's own."""
        return max(self.replaces)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of ``migrations/``: its number, name and text; of the baseline also what it replaces."""

    number: int
    name: str
    text: bytes
    baseline: Baseline | None = None

    @property
    def checksum(self) -> str:
        """SHA-256 over the text, in hexadecimal digits."""
        return hashlib.sha256(self.text).hexdigest()

    @property
    def phase(self) -> Phase:
        """Whether it runs before or after a deployment."""
        return Phase(self._header[1])

    @property
    def alone(self) -> bool:
        """Whether its statements run outside any transaction."""
        return self._header[2] is not None

    @property
    def _header(self) -> re.Match[str]:
        first = self.text.split(b"\n", 1)[0].decode()
        if not first.startswith("-- deploy:"):
            first = "-- deploy: before"
        found = _HEADER.fullmatch(first)
        if found is None:
            raise MigrationError(
                f"{self.name} begins with {first!r}; it is `-- deploy: before` or `-- deploy: after`, "
                "and may go on with `, outside a transaction`"
            )
        return found


@dataclass(frozen=True, slots=True)
class Released:
    """The release before this one: the number of its last migration, and the commit of its code."""

    level: int
    commit: str


@cache
def released(file: Path = RELEASED) -> Released:
    """The content of ``file``; KeyError where a key is missing."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    return Released(content["level"], content["commit"])


@cache
def baseline(file: Path = BASELINE) -> Baseline:
    """The content of ``file``; KeyError where a key is missing."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    replaces = {int(name[:4]): (name, checksum) for name, checksum in content["replaces"].items()}
    return Baseline(content["commit"], replaces)


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The migrations of ``folder`` in order; MigrationError for a name that is none or a number used twice."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNNN_words.sql")
        replaced = baseline() if path.stem == f"{baseline().level:04}_baseline" else None
        migration = Migration(int(match[1]), path.stem, path.read_bytes(), replaced)
        if migration.number in found:
            raise MigrationError(f"{found[migration.number].name} and {path.stem} have the same number")
        found[migration.number] = migration
    return [found[number] for number in sorted(found)]
