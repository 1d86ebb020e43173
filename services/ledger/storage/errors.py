"""What the store can say instead of doing what it was asked."""

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
    """The batch was judged by a registry that has been replaced: judge it by the new one and apply it again."""

    def __init__(self, judged_by: int, held: int) -> None:
        super().__init__(f"judged by version {judged_by} of the registry, which is at {held}")
        self.version = held


class GenerationMoved(Exception):
    """Another generation of the state is current, or it folds by other rules than this process: start again."""


class SchemaMoved(GenerationMoved):
    """The schema is none that this release works with; the text says what to do. Starting again does not help before that."""


class GaveUp(Exception):
    """Other transactions stood in the way again and again; nothing was applied."""


class MigrationError(Exception):
    """The database is not what the migrations say: what differs, and what to do."""


FAULTS_OF_EVENTS = (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded)
"""Postgres will not take what an event holds; every other database error is a fault of the infrastructure."""
