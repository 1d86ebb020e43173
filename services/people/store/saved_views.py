"""Views that a person saved: addresses of pages under names of its own, at most ``MOST``; each function in the caller's transaction.

An address is only where a page is; whether it shows anything is judged when it is opened. Erased with the person's name.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.people.domain.person import PersonId
from services.people.store import statement

Session = Connection[Any]
MOST: Final = 50
LONGEST_NAME: Final = 60
LONGEST_ADDRESS: Final = 1_000


class ViewRefused(Exception):
    """A view that cannot be saved so: ``reason`` is name, address, taken (another view has that name) or full."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SavedView(NamedTuple):
    """A name of the person's own, and the path and query of a page."""

    name: str
    address: str


def of_person(session: Session, person: PersonId) -> list[SavedView]:
    """The person's views, by name."""
    cursor = session.cursor(row_factory=tuple_row)
    rows = cursor.execute(statement("saved_views"), {"person": person.hex()}).fetchall()
    return [SavedView(*row) for row in rows]


def save(session: Session, person: PersonId, name: str, address: str, now: Micros) -> None:
    """Save an address, in place of what is saved under that name. Raises ViewRefused."""
    values = {"person": person.hex(), "name": _name(name), "address": address, "now": now, "most": MOST}
    if not 1 <= len(address) <= LONGEST_ADDRESS:
        raise ViewRefused("address")
    if session.execute(statement("save_again"), values).rowcount:
        return
    # Twice: another request of the person may take the first free slot at this moment.
    if not any(session.execute(statement("save_view"), values).rowcount for _ in range(2)):
        raise ViewRefused("full")


def rename(session: Session, person: PersonId, name: str, to: str) -> bool:
    """Give a view another name; False where the person has none of that name. Raises ViewRefused."""
    values = {"person": person.hex(), "name": name, "to": _name(to)}
    if name != values["to"] and session.execute(statement("has_view"), values).fetchone() is not None:
        raise ViewRefused("taken")
    return bool(session.execute(statement("rename_view"), values).rowcount)


def remove(session: Session, person: PersonId, name: str) -> bool:
    """Remove a view; False where the person has none of that name."""
    values = {"person": person.hex(), "name": name}
    return bool(session.execute(statement("remove_view"), values).rowcount)


def _name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise ViewRefused("name")
    return name
