"""Whether a migration may run when its header says: beside the release that runs, or after it, without holding anybody up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.ledger.storage.ddl import Effect, effects, statements
from services.ledger.storage.migration import Migration, Phase

MOVE = "move it to a migration that begins with `-- deploy: after`"
_CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)
_REPEATABLE = re.compile(
    r"\bIF (NOT )?EXISTS\b|^CREATE OR REPLACE\b|^(GRANT|REVOKE|DO|COMMENT|VALIDATE|ANALYZE)\b|\bVALIDATE CONSTRAINT\b",
    re.IGNORECASE,
)


def faults(migration: Migration) -> Iterator[str]:
    """What is wrong with it, each as a sentence with what to do; nothing where it may run. Pure."""
    text = migration.text.decode()
    for effect in effects(text):
        if migration.phase is Phase.BEFORE and effect.breaks:
            yield f"{migration.name} runs before the deployment, and {effect.breaks}: {shown(effect)}. To do: {MOVE}"
        if effect.blocks and not migration.alone:
            yield f"{migration.name}: {effect.blocks}: {shown(effect)}. To do: do it in steps that hold nobody up"
    for statement in statements(text):
        line = " ".join(statement.split())
        if _CONCURRENTLY.search(line) and not migration.alone:
            yield (
                f"{migration.name}: nothing is done CONCURRENTLY in a transaction: {line[:80]}. To do: begin the file with "
                f"`-- deploy: {migration.phase}, outside a transaction`, and put nothing else into it"
            )
        elif migration.alone and not _REPEATABLE.search(line):
            yield f"{migration.name} runs outside a transaction and may be run again: {line[:80]}. To do: say IF NOT EXISTS"


def shown(effect: Effect) -> str:
    """The statement, as far as a line holds it."""
    return effect.statement if len(effect.statement) <= 100 else effect.statement[:97] + "..."
