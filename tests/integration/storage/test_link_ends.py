"""Where links end: in SQL as in the core, in every order of a few links, and noticed by these tests where it is not.

The statement alone is run, after each link that comes or is taken back and for that link only: what it does not look at
then stays as it is. Each fault below is built into it in turn; one that goes unnoticed means that a world is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import pytest

from schemas.events.base import ObjectKind
from services.domain.facts import Facts, Link, LinkKind
from services.domain.links import FILLING, spans
from services.domain.objects import Thing
from services.ledger.storage import statement, work
from services.ledger.storage.arrays import bigints
from services.ledger.storage.rows import completed, state_rows
from services.ledger.storage.session import open_session, set_session_generation
from services.ledger.storage.state import COPY
from services.ledger.storage.work import Work

pytestmark = pytest.mark.integration
DAY = FILLING // 7


@dataclass(frozen=True)
class Told:
    """A link of the one box, or what takes back the link of that name."""

    start: int = 0
    end: int | None = None
    by: str = "founder"
    shared: bool = False
    on_wagon: bool = False
    name: str = ""
    takes_back: str = ""


def shared(start: int, name: str = "") -> Told:
    return Told(start, shared=True, name=name)


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
    "only the newest link is looked at": ("WHERE l.carried IS NOT NULL\n)", "WHERE l.carried IS NOT NULL LIMIT 0\n)"),
}  # fmt: skip


def links(told: Sequence[Told]) -> list[Link | None]:
    """The links of a world, each from the one box to a consignment (or from a wagon) of its own; None takes one back."""
    box = Thing(ObjectKind.CONTAINER, "ends/k")
    made: list[Link | None] = []
    for n, each in enumerate(told):
        kind = LinkKind.WAGON_CARRIES if each.on_wagon else LinkKind.CONTAINER_CARRIES
        wagon, cargo = Thing(ObjectKind.WAGON, f"ends/w{n}"), Thing(ObjectKind.CONSIGNMENT, f"ends/c{n}")
        left, right = (wagon, box) if each.on_wagon else (box, cargo)
        link = Link(bytes([n]) * 16, each.by, 0, kind, left, right, each.start, each.end, False, each.shared)
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
        open_.rows("stop_links", {"nos": bigints([touched]), "filling": FILLING})
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
