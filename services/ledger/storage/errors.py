"""Exceptions of the store."""

from __future__ import annotations

import psycopg
from psycopg import errors

from services.ledger.storage.ledger_protocol import Fenced

__all__ = [
    "FAULTS_OF_EVENTS",
    "Fenced",
    "GaveUp",
    "GenerationMoved",
    "MigrationError",
    "RegistryMoved",
    "SchemaMoved",
]


class RegistryMoved(Exception):
    """The batch was admitted under a version of the registry that has been replaced: repeat admission and apply it again."""

    def __init__(self, admitted_by: int, held: int) -> None:
        super().__init__(f"judged by version {admitted_by} of the registry, which is at {held}")
        self.version = held


class GenerationMoved(Exception):
    """Another generation of the state is current, or it folds by other rules than this process: restart the process."""


class SchemaMoved(GenerationMoved):
    """The schema does not suit this release; the message names the remedy, without which a restart does not help."""


class GaveUp(Exception):
    """Every attempt conflicted with other transactions; nothing was applied."""


class MigrationError(Exception):
    """The database differs from the migrations; the message names the difference and the remedy."""


FAULTS_OF_EVENTS = (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded)
"""Postgres refuses a value of an event; every other database error is a fault of the infrastructure."""
