"""The store's SQL runs on every PostgreSQL that it is promised for, with whatever compression it was built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from schemas.events.base import ObjectKind
from services.domain.facts import LinkKind
from services.ledger.storage.migrate import migrate
from services.testbed.localstack import LocalStack
from tests.support.storage.comparison import assert_equal_to_core
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair

pytestmark = pytest.mark.integration

SERVICES = Path(__file__).resolve().parents[3] / "services"
FOREIGN = {
    "COMPRESSION": "the database of the local stack is built without lz4",
    r"(?:min|max)\((?:\w+\.)?(?:id|cons|object|train|event|content|left_id|right_id|carried|target|canonical)\)": (
        "PostgreSQL before 18 has no min and max of uuid: (array_agg(x ORDER BY x))[1]"
    ),
    r"\buuidv7\(|\bMERGE\b|\bany_value\(|RETURNING\s+(?:old|new)\.": "not in PostgreSQL 15",
}


@pytest.mark.parametrize("pattern", FOREIGN)
def test_no_statement_needs_what_some_server_does_not_have(pattern: str) -> None:
    found = [
        f"{path.relative_to(SERVICES)}: {match[0]}"
        for path in sorted(SERVICES.rglob("*.sql"))
        for match in re.finditer(
            pattern, re.sub(r"--.*", "", path.read_text(encoding="utf-8")), re.IGNORECASE
        )
    ]
    assert found == [], FOREIGN[pattern]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The oldest server that is installed here, in a database of its own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("no PostgreSQL server is installed in /usr/lib/postgresql")
    monkeypatch.setenv("LIANYUN_PG_BIN", str(found[0].parent))
    with LocalStack(kafka=False) as stack:
        migrate(stack.dsn)
        yield stack.dsn


def test_a_small_world_on_the_oldest_server_installed_here(installed: str) -> None:
    """Every step of a batch at least once: new, known and contradicting events, links, groups, retractions, trains."""
    t = Teller("old server")
    train, wagon = t.thing(ObjectKind.TRAIN, "t"), t.thing(ObjectKind.WAGON, "w")
    gone = t.id("gone")
    batches = [
        [t.founding(t.cons()), t.founding(t.cons("d")), t.claim(t.box(), HOUR, id_=gone)],
        [t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons()), t.claim(t.box(), 2 * HOUR, 370)],
        [
            t.link(LinkKind.SAME_CONSIGNMENT, t.cons("d"), t.cons()),
            t.link(LinkKind.WAGON_CARRIES, wagon, t.box()),
        ],
        [t.link(LinkKind.TRAIN_CARRIES, train, wagon), t.claim(train, 3 * HOUR), t.retraction(gone)],
        [
            t.claim(t.box(), 9 * HOUR, 202, id_=t.id("twice")),
            t.claim(t.box(), 8 * HOUR, 202, id_=t.id("twice")),
        ],
    ]
    pair = Pair(installed)
    for turn, batch in enumerate([*batches, batches[0]]):
        pair.apply(turn % 2, batch)
    pair.settle()
    pair.close()
    assert_equal_to_core(installed, t.facts, [t.cons(), t.cons("d")], [train])
    with psycopg.connect(installed) as session:
        stored = session.execute("SELECT count(*) FROM lianyun.body").fetchone()
    assert stored == (sum(map(len, batches)),)
