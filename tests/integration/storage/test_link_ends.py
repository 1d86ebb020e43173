"""Where links end: in SQL as in the core, in every order of a few links, and noticed by these tests where it is not.

The statement alone is run, after each link that comes or is taken back and for that link only: what it does not look at
then stays as it is. Each fault below is built into it in turn; one that goes unnoticed means that a world is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pytest

from schemas.events.base import ObjectKind
from services.domain.facts import Facts, Link, LinkKind
from services.domain.links import FILLING, ONE_RUN, spans
from services.domain.objects import Thing
from services.ledger.storage import statement, work
from services.ledger.storage.rows import completed, state_rows
from services.ledger.storage.session import open_session, set_session_generation
from services.ledger.storage.state import COPY
from services.ledger.storage.structure import stop_links
from services.ledger.storage.work import Work

pytestmark = pytest.mark.integration
DAY = FILLING // 7


@dataclass(frozen=True)
class Told:
    """A link of the one box (or of ``box``), or what takes back the link of that name."""

    start: int = 0
    end: int | None = None
    by: str = "founder"
    shared: bool = False
    on_wagon: bool = False
    name: str = ""
    wagon: str = ""
    box: str = "k"
    authority: bool = False
    takes_back: str = ""


def shared(start: int, name: str = "") -> Told:
    return Told(start, shared=True, name=name)


def listed(start: int, box: str = "k", wagon: str = "w", **more: Any) -> Told:
    """A railway's list of a wagon at its own station."""
    return Told(start, on_wagon=True, box=box, wagon=wagon, **{"authority": True, **more})


WORLDS: dict[str, Sequence[Told]] = {
    "two links of one start, and a next one": (Told(5), Told(5, 90), Told(9)),
    "each publisher ends its own": (Told(1), Told(5, by="other"), Told(7), Told(9, by="other")),
    "another's link stands between": (Told(1), Told(5, by="other"), Told(9)),
    "two publishers from one start": (Told(1), Told(1, by="other"), Told(9)),
    "a box on a wagon is not a box with a cargo": (Told(1), Told(5, on_wagon=True), Told(9), Told(12, on_wagon=True)),
    "a written end stands": (Told(1, 50), Told(9)),
    "one filling": (shared(0), shared(3 * DAY), shared(FILLING), shared(FILLING + 1)),
    "shared and alone from one start": (Told(0), shared(0), shared(DAY), Told(9 * DAY)),
    "somebody fills the box alone": (shared(0), Told(DAY), shared(2 * DAY)),
    "taken back between two": (Told(1), Told(5, name="x"), Told(9), Told(takes_back="x")),
    "taken back behind two of one filling": (
        shared(0), shared(DAY), Told(2 * DAY, name="x"), Told(takes_back="x"),
    ),
    "lists of later runs": (listed(0), listed(ONE_RUN + 1, "b"), listed(2 * ONE_RUN + 2, "c")),
    "lists of one run": (listed(0), listed(ONE_RUN, "b"), listed(1, "b")),
    "a list of a place that is not the railway's": (listed(0), listed(8 * DAY, "b", authority=False), listed(9 * DAY, "c")),
    "another railway's list": (listed(0), listed(8 * DAY, "b", by="other"), listed(9 * DAY, "c")),
    "a list was taken back": (listed(0), listed(8 * DAY, "b", name="x"), listed(9 * DAY, "c"), Told(takes_back="x")),
    "a box on two wagons from one start": (listed(0), listed(0, wagon="v"), listed(8 * DAY, "b"), listed(9 * DAY, "c", "v")),
    "the box comes back before the wagon": (listed(0), listed(3 * DAY, wagon="v"), listed(8 * DAY, "b")),
    "a written end on a wagon stands": (listed(0, end=9 * DAY), listed(0, "b"), listed(8 * DAY, "c")),
}  # fmt: skip
FAULTS = {
    "ends at its own start": ("l.start_at > s.start_at AND NOT", "l.start_at >= s.start_at AND NOT"),
    "anybody's next start ends it": (
        "AND l.publisher = s.publisher\n          AND l.start_at > s.start_at",
        "AND l.start_at > s.start_at",
    ),
    "a link of any kind ends it": (
        "AND l.kind = s.kind AND l.publisher = s.publisher\n          AND l.start_at > s.start_at",
        "AND l.publisher = s.publisher AND l.start_at > s.start_at",
    ),
    "what was taken back ends it": ("l.start_at > s.start_at AND NOT l.dead", "l.start_at > s.start_at"),
    "the last start ends it": ("ORDER BY l.start_at LIMIT 1", "ORDER BY l.start_at DESC LIMIT 1"),
    "a filling is a moment shorter": ("<= s.start_at + %(filling)s", "< s.start_at + %(filling)s"),
    "sharing does not matter": ("AND NOT (h.shared AND l.shared AND", "AND NOT (false AND"),
    "sharing by one is enough": ("NOT (h.shared AND l.shared", "NOT ((h.shared OR l.shared)"),
    "the one before is the link itself": (
        "AND l.start_at < s.start_at AND NOT l.dead\n         ORDER",
        "AND l.start_at <= s.start_at AND NOT l.dead\n         ORDER",
    ),
    "the one before is anybody's": (
        "AND l.publisher = s.publisher\n           AND l.start_at < s.start_at AND NOT l.dead\n         ORDER",
        "AND l.start_at < s.start_at AND NOT l.dead\n         ORDER",
    ),
    "the one before is of any kind": (
        "AND l.kind = s.kind AND l.publisher = s.publisher\n           AND l.start_at < s.start_at AND NOT l.dead\n         ORDER",
        "AND l.publisher = s.publisher AND l.start_at < s.start_at AND NOT l.dead\n         ORDER",
    ),
    "the one before was taken back": (
        "l.start_at < s.start_at AND NOT l.dead\n         ORDER",
        "l.start_at < s.start_at\n         ORDER",
    ),
    "the one before is the first": ("ORDER BY l.start_at DESC LIMIT 1", "ORDER BY l.start_at LIMIT 1"),
    "shared ones that end right here are forgotten": ("l.until >= s.start_at", "l.until > s.start_at"),
    "a written end is overruled": ("coalesce(l.end_at, s.next_start)", "s.next_start"),
    "shared and alone end alike": ("AND l.shared = s.shared", ""),
    "everybody's links of that start end": (
        "l.publisher = s.publisher AND l.start_at = s.start_at\n  AND l.shared",
        "l.start_at = s.start_at\n  AND l.shared",
    ),
    "a list of the same run ends it": ("n.start_at > s.start_at + %(run)s", "n.start_at > s.start_at"),
    "a run is a moment shorter": ("n.start_at > s.start_at + %(run)s", "n.start_at >= s.start_at + %(run)s"),
    "a list by no authority ends it": ("AND n.territorial\n", "\n"),
    "a list by no authority is looked at alone": ("l.kind = 6 AND l.territorial THEN", "l.kind = 6 AND NOT l.territorial THEN"),
    "anybody's list ends it": ("n.kind = 6 AND n.publisher = s.publisher", "n.kind = 6"),
    "a list that was taken back ends it": ("%(run)s AND NOT n.dead", "%(run)s"),
    "the last list ends it": ("ORDER BY n.start_at LIMIT 1", "ORDER BY n.start_at DESC LIMIT 1"),
    "what a list ended is forgotten": ("r.until >= s.start_at", "r.until > s.start_at"),
    "what rode before is not looked at": ("FROM seed WHERE wagon IS NOT NULL", "FROM seed WHERE false"),
    "both wagons of a box end alike": ("(s.wagon IS NULL OR l.left_id = s.wagon) AND ", ""),
    "only the newest link is looked at": ("WHERE l.carried IS NOT NULL\n)", "WHERE l.carried IS NOT NULL LIMIT 0\n)"),
}  # fmt: skip


def links(told: Sequence[Told]) -> list[Link | None]:
    """The links of a world, each from the box to a consignment (or from a wagon) of its own; None takes one back."""
    made: list[Link | None] = []
    for n, each in enumerate(told):
        kind = LinkKind.WAGON_CARRIES if each.on_wagon else LinkKind.CONTAINER_CARRIES
        box = Thing(ObjectKind.CONTAINER, f"ends/{each.box}")
        wagon = Thing(ObjectKind.WAGON, f"ends/w{each.wagon or n}")
        left, right = (wagon, box) if each.on_wagon else (box, Thing(ObjectKind.CONSIGNMENT, f"ends/c{n}"))
        link = Link(
            bytes([n]) * 16, each.by, 0, kind, left, right, each.start, each.end, each.authority, each.shared
        )
        made.append(None if each.takes_back else link)
    return made


def stored(
    open_: Work, told: Sequence[Told], made: Sequence[Link | None], order: Iterable[int]
) -> dict[int, int]:
    """Where the store lets each live link end, after they came and went in that order."""
    taken_back = {each.takes_back for n, each in enumerate(told) if each.takes_back}
    gone: set[str] = set()
    numbers = {each.name: n for n, each in enumerate(told) if each.name}
    for n in order:
        link, touched = made[n], n
        if link is None:
            gone.add(told[n].takes_back)
            touched = numbers[told[n].takes_back]
            open_.session.execute("UPDATE link SET dead = true WHERE no = %s", (touched,))
        else:
            rows = state_rows(Facts(links=frozenset({link}))).link
            open_.copy(COPY["link"], completed("link", rows, n, told[n].name in gone))
        stop_links(open_, [touched])
    assert gone == taken_back
    found = open_.session.execute("SELECT no, until FROM link WHERE NOT dead").fetchall()
    return dict(found)


def differing(open_: Work, name: str) -> Iterator[str]:
    """The orders of the world ``name`` in which the store's ends are not the core's."""
    told = WORLDS[name]
    made = links(told)
    taken_back = {each.takes_back for each in told if each.takes_back}
    live = [
        link
        for each, link in zip(told, made, strict=True)
        if link is not None and each.name not in taken_back
    ]
    expected = {span.link.event[0]: span.end for span in spans(live)}
    for order in permutations(range(len(told))):
        open_.session.execute("SAVEPOINT world")
        found = stored(open_, told, made, order)
        open_.session.execute("ROLLBACK TO SAVEPOINT world")
        if found != expected:
            yield f"{name}, in the order {order}: {found} instead of {expected}"


@pytest.fixture
def empty(dsn: str) -> Iterator[Work]:
    """A transaction in which there is no link yet, and of which nothing stays."""
    with open_session(dsn) as session:
        set_session_generation(session, 1)
        session.execute("DELETE FROM link")
        yield Work(session)
        session.rollback()


@pytest.mark.parametrize("name", WORLDS)
def test_links_end_in_the_store_where_they_end_in_the_core(empty: Work, name: str) -> None:
    assert list(differing(empty, name)) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_statement_is_noticed(
    empty: Work, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = FAULTS[fault]
    text = statement("stop_links").decode()
    assert right in text, f"stop_links has changed: write the fault {fault!r} anew"
    broken = text.replace(right, wrong).encode()
    monkeypatch.setattr(work, "statement", lambda name: broken if name == "stop_links" else statement(name))
    first = next((found for name in WORLDS for found in differing(empty, name)), None)
    assert first is not None, f"{fault!r} goes unnoticed"
