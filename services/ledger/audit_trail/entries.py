"""Registers of the audit trail and their entries: written with each change, folded to the rows that the register must have."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from psycopg import Connection
from psycopg.rows import tuple_row

from services.ledger.audit_trail import digests, statement
from services.ledger.audit_trail.digests import OLDER_RELEASES, unsealed_query, unsealed_summary

AUDITED = 39
"""The number of the migration from which on every row of a register has its entry."""


@dataclass(frozen=True, slots=True)
class Register:
    """A table of schema lianyun: its key, and of each column the expression of what is compared."""

    table: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    uncovered: tuple[str, ...] = ()
    """Columns of mere progress, on which nothing depends."""
    since: int = 0
    """The number of the migration that makes the table, where that is behind AUDITED."""

    @property
    def query(self) -> str:
        """Selects (key, columns by name) of every row."""
        pairs = ", ".join(f"'{name}', {expression}" for name, expression in self.columns.items())
        return f"SELECT concat_ws(' ', {', '.join(self.key)}), jsonb_build_object({pairs}) FROM lianyun.{self.table}"  # noqa: S608


def _of(
    table: str, key: str, columns: str, uncovered: str = "", since: int = 0, **expressions: str
) -> Register:
    named = {name: f'"{name}"' for name in columns.split()}
    return Register(table, tuple(key.split()), {**named, **expressions}, tuple(uncovered.split()), since)


def _digest(name: str) -> str:
    return f"encode(sha256({name}), 'hex')"


REGISTERS = (
    _of("registry_event", "version", "kind at by body"),
    _of(
        "registry_statement",
        "number",
        "version",
        since=110,
        text=_digest("convert_to(text, 'UTF8')"),
        signatures=_digest("convert_to(array_to_string(signatures, ' '), 'UTF8')"),
    ),
    _of("api_client", "id", "party scopes purposes certificate registered by revoked"),
    _of("api_client_key", "client kid", "jwk added by not_after"),
    _of("api_secret", "name", "", value=_digest("value")),
    _of(
        "credit_record",
        "no",
        "id reader purpose shipper given supersedes",
        body=_digest("convert_to(body, 'UTF8')"),
    ),
    _of(
        "migration",
        "number",
        "name checksum phase",
        applied="(extract(epoch FROM applied) * 1000000)::bigint",
    ),
    _of("access_log_opening", "id", "asked asked_by reason since until"),
    _of("access_log_approval", "opening", "approved approved_by expires"),
    _of("access_log_shown", "id", "opening at shown_to lines"),
    _of("financing_external", "financing registry at", "finding"),
    _of("financing_version", "number", "key_id normaliser open", uncovered="since"),
    _of("financing_acknowledged", "financing alert", "at client remark"),
    _of(
        "webhook_subscription",
        "id",
        "party url types description state reason created version",
        uncovered="failing_since last_success",
    ),
    _of(
        "webhook_secret",
        "no",
        "subscription scheme created expires",
        sealed=_digest("sealed"),
        public=_digest("public"),
    ),
    _of(
        "dead_letter_outcome",
        "no",
        "at by action outcome detail",
        digest="encode(digest, 'hex')",
    ),
    _of(
        "person",
        "id",
        "issuer party registered by",
        since=65,
        salt=_digest("salt"),
        subject=_digest("salt || convert_to(subject, 'UTF8')"),
        name=_digest("salt || convert_to(name, 'UTF8')"),
    ),
    _of("person_grant", "person since", "until teams permissions by", since=65),
    _of(
        "financing_proposal",
        "id",
        "bank financing action amount currency made by_issuer by_person expires outcome guard",
        since=87,
        state=_digest("state"),
        sealed=_digest("sealed"),
    ),
    _of("financing_limit", "person currency at", "bank may_make may_check by_issuer by_person", since=106),
    _of("financing_verdict", "proposal", "verdict at by_issuer by_person reason decision", since=87),
    _of(
        "share_link",
        "id",
        "consignment reference party made_by fields label made expires ended",
        since=61,
        digest="encode(digest, 'hex')",
    ),
    _of(
        "subscription",
        "id",
        "consignment reference party share made_by channel language milestones delay_hours exceptions disputes overdue state reason made ended",
        "told last_no look failures",
        since=80,
        salt=_digest("salt"),
        address=_digest("salt || convert_to(address, 'UTF8')"),
    ),
    _of("pint_platform", "code", "name url register keys at by", since=131),
    _of("platform_event", "no", "kind detail", at="(extract(epoch FROM at) * 1000000)::bigint"),
)
"""In the order in which a transaction that changes several enters them."""
LOGS = ("access_log", "access_log_sealed")
"""Tables with a seal per row; the trail holds one summary of each for the rows of older releases."""


Session = Connection[Any]
Row = dict[str, Any]
_THERE = "SELECT to_regclass('lianyun.audit_trail') IS NOT NULL"
_ENTERED = "SELECT FROM lianyun.audit_trail WHERE register = 'migration' AND key = %s LIMIT 1"
_HEAD = "SELECT FROM lianyun.audit_head WHERE register = %s FOR UPDATE"
_ENTRIES = "SELECT key, change FROM lianyun.audit_trail WHERE register = %s ORDER BY no"


def enter(session: Session, register: str, key: object, change: Mapping[str, Any] | None) -> None:
    """Enter that the row ``key`` of ``register`` took the values of ``change`` (None: was deleted), in the caller's transaction.

    ``change`` holds only values that were written, never values that were read. Waits for other transactions that have
    changed the same register. Without effect in a database that has no trail yet; ``backfill_steps`` enters its rows at migration.
    """
    if session.cursor(row_factory=tuple_row).execute(_THERE).fetchone() != (True,):
        return
    text = digests.change_text(change)
    values = {
        "register": register,
        "key": str(key),
        "change": text,
        "link": link(register, str(key), text),
    }
    session.execute(statement("enter"), values)


def link(register: str, key: str, change: str) -> bytes:
    """The link of one entry in the chain of its register, 32 bytes."""
    return hashlib.sha256("\0".join((register, key, change)).encode()).digest()


def fold(entries: Iterable[tuple[str, str]]) -> dict[str, Row]:
    """The rows by key that result from ``entries`` (key, change) in order; ValueError for a malformed change."""
    rows: dict[str, Row] = {}
    for key, change in entries:
        values = orjson.loads(change)
        if values is None:
            rows.pop(key, None)
        else:
            rows[key] = {**rows.get(key, {}), **values}
    return rows


def backfill_steps(session: Session) -> list[Callable[[Session], None]]:
    """Steps that enter rows written by older releases, which had no trail; each is repeatable and runs in a transaction of its own.

    The present rows count as right. Takes as long as reading the part of the access log that has no seal. Empty once the
    migration AUDITED is entered, even where its row was deleted.
    """
    if session.execute(_ENTERED, (str(AUDITED),)).fetchone() is not None:
        return []
    return [
        *(partial(_take_up, register=register) for register in REGISTERS if register.since <= AUDITED),
        *(partial(_take_up_lines, table=table) for table in LOGS),
        partial(_take_up_newest, table="api_answer", column="given"),
        partial(_take_up_newest, table="webhook_message", column="at"),
        _take_up_deliveries,
        _take_up_decisions,
    ]


def _take_up_lines(session: Session, table: str) -> None:
    with session.cursor(f"older_{table}") as cursor:
        enter(
            session, table, OLDER_RELEASES, unsealed_summary(cursor.execute(unsealed_query(table).encode()))
        )


def _take_up_newest(session: Session, table: str, column: str) -> None:
    newest = f"SELECT coalesce(max({column}), 0) FROM lianyun.{table} WHERE seal IS NULL"  # noqa: S608
    ((moment,),) = session.execute(newest.encode()).fetchall()
    enter(session, table, OLDER_RELEASES, {column: moment})


def _take_up_deliveries(session: Session) -> None:
    """Seal the deliveries of older releases, which sealed none; the lock keeps others from adding any meanwhile."""
    session.execute("LOCK TABLE lianyun.webhook_tally IN EXCLUSIVE MODE")
    session.execute(statement("seal_deliveries"))
    session.execute(statement("tally_webhooks"))


def _take_up_decisions(session: Session) -> None:
    session.execute(statement("tally_older_decisions"))


def _take_up(session: Session, register: Register) -> None:
    session.execute(_HEAD, (register.table,))  # later changes of the register are entered after these
    entered = fold(session.execute(_ENTRIES, (register.table,)))
    stored: dict[str, Row] = dict(session.execute(register.query.encode()))
    for key in sorted(entered.keys() | stored.keys()):
        if key not in stored:
            enter(session, register.table, key, None)
            continue
        known = entered.get(key, {})
        change = {
            name: value for name, value in stored[key].items() if name not in known or known[name] != value
        }
        if change:
            enter(session, register.table, key, change)
