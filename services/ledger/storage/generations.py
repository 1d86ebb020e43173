"""Generations of the state: one is current; the next is built beside it and takes over in one transaction."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from services.ledger.storage import statement
from services.ledger.storage.errors import GenerationMoved
from services.ledger.storage.fold_version import fold_version
from services.ledger.storage.session import Session

_TEMPLATE = Path(__file__).with_name("generation.sql")
_SHOWN = (
    "claim", "link", "founding", "withdrawal", "mention", "passing", "dead", "canonical", "reach", "head", "train_head",
    "pending",
)  # fmt: skip


def current_generation(session: Session) -> int:
    """The number of the current generation; GenerationMoved where there is none or it folds by other rules.

    Runs in the caller's transaction.
    """
    row = session.execute(
        "SELECT number, fold_version FROM lianyun.generation WHERE state = 'CURRENT'"
    ).fetchone()
    if row is None:
        raise GenerationMoved("no generation of the state is current; run `lianyun db migrate`")
    number, version = row
    if version != fold_version():
        raise GenerationMoved(
            f"generation {number} folds by version {version}, this process by {fold_version()}; "
            "rebuild the state into a new generation, or run the release that made this one"
        )
    return int(number)


def create_generation(session: Session, number: int, version: str | None = None) -> None:
    """Create the empty tables of generation ``number`` in state BUILDING, in the caller's transaction."""
    name = sql.Identifier(f"g{number}")
    session.execute(sql.SQL("CREATE SCHEMA {}").format(name))
    path = session.execute("SELECT current_setting('search_path')").fetchone()
    assert path is not None
    session.execute(sql.SQL("SET LOCAL search_path = {}").format(name))
    session.execute(_TEMPLATE.read_bytes(), prepare=False)
    session.execute("SELECT set_config('search_path', %s, true)", (path[0],))
    session.execute(
        "INSERT INTO lianyun.generation (number, fold_version, state) VALUES (%s, %s, 'BUILDING')",
        (number, version or fold_version()),
    )


def switch_generation(session: Session, number: int) -> None:
    """Make ``number`` the current generation, in the caller's transaction; waits for batches that hold the old one.

    The views of the schema lianyun are redefined, so that readers need no generation number.
    """
    session.execute("SELECT 1 FROM lianyun.generation FOR UPDATE")
    session.execute(
        "UPDATE lianyun.generation SET state = 'RETIRED', left_xid = pg_current_xact_id() WHERE state = 'CURRENT'"
    )
    session.execute(
        "UPDATE lianyun.generation SET state = 'CURRENT', left_xid = NULL, since = clock_timestamp() WHERE number = %s",
        (number,),
    )
    for table in _SHOWN:
        # CREATE OR REPLACE VIEW cannot drop columns, and an earlier generation may have fewer.
        view, shown = sql.Identifier("lianyun", table), sql.Identifier(f"g{number}", table)
        session.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
        session.execute(sql.SQL("CREATE VIEW {} AS SELECT * FROM {}").format(view, shown))
    session.execute(statement("let_heads_be_held"), prepare=False)


def drop_generation(session: Session, number: int) -> None:
    """Remove a generation that is not current, in the caller's transaction."""
    session.execute("DELETE FROM lianyun.generation WHERE number = %s AND state <> 'CURRENT'", (number,))
    session.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(f"g{number}")))
