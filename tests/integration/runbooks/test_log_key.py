"""A new key for the log, by the page: with witnesses that are processes of their own and are started again with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from services.ledger.storage.session import open_session
from services.runtime.ports import free_port, listening
from services.testbed.localstack.engine import DatabaseAddress
from services.transparency.key_file import create_log, make_witness_key, read_key
from services.transparency.store import log
from tests.stories.story import NETWORK
from tests.support.databases import migrated_database
from tests.support.producers.condition import until
from tests.support.runbooks.walk import Walk
from tests.support.signed_stories import all_stories, register

pytestmark = [pytest.mark.integration, pytest.mark.long]


class Witness:
    """A witness's process, which keeps its state while it is started again with other keys of the log."""

    def __init__(self, page: Walk, folder: Path, name: str) -> None:
        self._page, self._file, self.name, self.port = page, folder / name, name, free_port()
        self.key = make_witness_key(self._file, f"{name}.example").verifier
        self._running = ExitStack()

    def serve(self, *keys: object) -> None:
        self.close()
        named = " ".join(f"--log {each}" for each in keys)
        command = f"lianyun witness serve {self.name}.example --file {self._file} {named} --state {self._file}.sqlite"
        self._running.enter_context(self._page.running(f"{command} --port {self.port}"))
        until(lambda: listening(self.port), f"{self.name} listens")

    def close(self) -> None:
        self._running.close()


@pytest.fixture
def dsn(postgres: DatabaseAddress) -> str:
    fresh = migrated_database(postgres, "log_key")
    with psycopg.connect(fresh) as session:
        register(session, all_stories("k")[:2])
    return fresh


@pytest.fixture
def page(dsn: str, tmp_path: Path) -> Iterator[Walk]:
    environment = {
        "HOME": str(tmp_path),
        "LIANYUN_DSN": dsn,
        "LIANYUN_NETWORK": NETWORK,
        "LIANYUN_TRANSPARENCY_KEY": str(tmp_path / "log.json"),
        "LIANYUN_TRANSPARENCY_POLICY": str(tmp_path / "policy"),
        "LIANYUN_TRANSPARENCY_PATIENCE": "30",
    }
    return Walk("log-key", tmp_path, environment)


def test_a_new_key_for_the_log(page: Walk, dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    with open_session(dsn) as session, ExitStack() as running:
        session.autocommit = True
        old = create_log(session, file, "log.example/lianyun", 1).verifier
        witnesses = [Witness(page, tmp_path, name) for name in ("rail", "customs")]
        lines = [f"log {old}"]
        for each in witnesses:
            each.serve(old)
            running.callback(each.close)
            lines.append(f"witness {each.name} {each.key} http://127.0.0.1:{each.port}")
        (tmp_path / "policy").write_text(
            "\n".join([*lines, "group both all rail customs", "quorum both", ""])
        )
        with page.running("lianyun transparency run"):
            both_until = datetime.now(UTC) + timedelta(seconds=45)
            page.set(UNTIL=both_until.isoformat(timespec="seconds"), OLD=old.id.hex())
            page.do("Add the new key")
            page.do("Announce it")
            (new,) = log.read_head(session).beside
            for each in witnesses:
                each.serve(old, new)
            until(lambda: cosigned_by(session) == {old, new}, "both sign what is cosigned")
            time.sleep(max(0.0, (both_until - datetime.now(UTC)).total_seconds() + 1))
            shown = page.do("End the old key")
            assert str(new) in shown.replace("\n", "")
            head = log.read_head(session)
            assert (head.keys, read_key(file).verifier) == ((new,), new)
            page.whole()
            with psycopg.connect(dsn) as other:  # and the process goes on under it
                register(other, all_stories("l")[:1])
            size = head.checkpoint.size
            until(lambda: cosigned_size(session) > size, "more is cosigned")
            assert cosigned_by(session) == {new}


def cosigned_by(session: psycopg.Connection[tuple[object, ...]]) -> set[object]:
    """The keys of the log that signed what was cosigned last."""
    head = log.read_head(session)
    assert head.cosigned is not None
    known = {(key.name, key.id): key for key in head.keys}
    return {
        known[each.name, each.key_id]
        for each in head.cosigned.signatures
        if (each.name, each.key_id) in known
    }


def cosigned_size(session: psycopg.Connection[tuple[object, ...]]) -> int:
    head = log.read_head(session)
    assert head.cosigned is not None
    return int(head.cosigned.text.split("\n")[1])
