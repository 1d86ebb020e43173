"""Two generations of the state compared row by row, in SQL.

The database compares a million rows in about a second and returns only those that differ. fsck compares with rows that it
computes in Python, so the two comparers share the ``Difference`` and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from services.audit.report import Difference
from services.ledger.storage.arrays import adapt, uuids

SHOWN = 20
"""Differences that are returned in full."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many heads were compared, how many rows of any table differ, and the first of them."""

    heads: int
    differing: int
    shown: tuple[Difference, ...]

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(
            self.heads + other.heads,
            self.differing + other.differing,
            (*self.shown, *other.shown)[:SHOWN],
        )


@dataclass(frozen=True, slots=True)
class _Table:
    """A table, its key, the columns to compare, and the condition for rows that carry a value."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    where: str


_HEADS = _Table(
    "head",
    ("cons",),
    (
        "broken", "boxes", "behind", "disputes", "exceptions", "movement", "cn", "eaeu", "eu", "other", "document",
    ),
    "founded",
)  # fmt: skip
_REACH = _Table("reach", ("cons",), ("engaged", "objects", "starts", "untils", "held", "parts"), "founded")
_CANONICAL = _Table("canonical", ("cons",), ("canonical",), "cons <> canonical")
_OTHERS = (
    _Table(
        "train_head",
        ("train",),
        ("milestone", "position", "exceptions"),
        "milestone IS NOT NULL OR position IS NOT NULL OR exceptions <> 0",
    ),
    _Table("dead", ("id",), ("reason",), "true"),
    _Table("link", ("no", "kind", "left_id", "right_id"), ("until",), "NOT dead"),
)


def compare(connection: Connection[Any], old: int, new: int) -> Comparison:
    """Compare heads, reach, groups, trains, dead events and ends of links of two generations, all of them.

    In the caller's transaction; about a second for a million rows.
    """
    (heads,) = connection.execute(
        sql.SQL("SELECT count(*) FROM {} WHERE founded").format(sql.Identifier(f"g{old}", "head"))
    ).fetchone() or (0,)
    found = [_differences(connection, table, old, new) for table in (_HEADS, _REACH, _CANONICAL, *_OTHERS)]
    return sum(found, Comparison(int(heads), 0, ()))


def compare_consignments(
    connection: Connection[Any], old: int, new: int, consignments: Iterable[bytes]
) -> Comparison:
    """The same for heads, reach and groups of some consignments only."""
    wanted = sorted(consignments)
    found = [_differences(connection, table, old, new, wanted) for table in (_HEADS, _REACH, _CANONICAL)]
    return sum(found, Comparison(len(wanted), 0, ()))


def _shared(connection: Connection[Any], table: _Table, old: int, new: int) -> list[str]:
    """The columns that the table has alike in both generations: one of older rules may lack what newer ones keep."""
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid IN (%s::regclass, %s::regclass) AND attnum > 0 "
        "AND NOT attisdropped GROUP BY attname, atttypid HAVING count(*) = 2",
        (f"g{old}.{table.name}", f"g{new}.{table.name}"),
    ).fetchall()
    names = {name for (name,) in found}
    return [column for column in table.columns if column in names]


def _differences(
    connection: Connection[Any], table: _Table, old: int, new: int, only: list[bytes] | None = None
) -> Comparison:
    adapt(connection)
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    columns = _shared(connection, table, old, new)
    where: sql.Composable = sql.SQL(table.where)
    if only is not None:
        where = sql.SQL("({}) AND cons = ANY (%(only)s::uuid[])").format(where)

    def side(generation: int) -> sql.Composable:
        named = sql.Identifier(f"g{generation}", table.name)
        values = sql.SQL(", ").join(map(sql.Identifier, (*table.key, *columns)))
        return sql.SQL("SELECT true AS present, {} FROM {} WHERE {}").format(values, named, where)

    def row(of: str) -> sql.Composable:
        return sql.SQL("ROW({})").format(sql.SQL(", ").join(sql.Identifier(of, column) for column in columns))

    # Values are compared as they are; only what differs is written out.
    query = sql.SQL(
        "SELECT ROW({key})::text, CASE WHEN a.present THEN {before}::text END, CASE WHEN b.present THEN {after}::text END, "
        "count(*) OVER () FROM ({old}) AS a FULL JOIN ({new}) AS b USING ({key}) "
        "WHERE a.present IS DISTINCT FROM b.present OR {before} IS DISTINCT FROM {after} LIMIT %(shown)s"
    ).format(key=key, before=row("a"), after=row("b"), old=side(old), new=side(new))
    rows = connection.execute(query, {"only": uuids(only or []), "shown": SHOWN}).fetchall()
    shown = tuple(
        Difference(f"{table.name} {_hexadecimal(name)}", "row", before or "nothing", after or "nothing")
        for name, before, after, _ in rows
    )
    return Comparison(0, rows[0][3] if rows else 0, shown)


def _hexadecimal(key: str) -> str:
    return key.strip("()").replace("-", "")
