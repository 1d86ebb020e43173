"""The log on databases that were restored and promoted: the one that lacks what witnesses have seen is not continued."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from services.ledger.storage.migrate import migrate
from services.ledger.storage.session import open_session
from services.testbed.localstack.home import unprivileged_account
from services.testbed.localstack.transparency import served
from services.transparency.key_file import create_log, make_witness_key
from services.transparency.sequencer import once
from services.transparency.settings import TransparencySettings
from services.transparency.store import log
from services.transparency.witness.client import Contradicted
from services.transparency.witness.service import WitnessState, create_app, logs_of
from tests.integration.runbooks.own_server import NEEDED, OwnServer, programs
from tests.stories.story import NETWORK
from tests.support.runbooks.walk import Walk
from tests.support.signed_stories import Desk, all_stories, record, register

pytestmark = [pytest.mark.integration, pytest.mark.long]


class LoggedPlatform:
    """A database server with a log that two witnesses cosign, and events that come in."""

    def __init__(self, folder_of_programs: Path, folder: Path, running: ExitStack) -> None:
        self.server = OwnServer(folder_of_programs, with_roles=True)
        running.callback(self.server.close)
        self._told, self._at = all_stories("x")[::4], 0
        migrate(self.server.dsn)
        with psycopg.connect(self.server.dsn) as session:
            register(session, self._told)
        with open_session(self.server.dsn) as session:
            session.autocommit = True
            signer = create_log(session, folder / "log.json", "log.example/lianyun", 1)
        lines = [f"log {signer.verifier}"]
        for name in ("rail", "customs"):
            key = make_witness_key(folder / f"{name}.key", f"{name}.example")
            state = WitnessState(folder / f"{name}.sqlite")
            app = create_app(state, logs_of([signer.verifier]), [key], lambda: int(time.time()))
            lines.append(f"witness {name} {key.verifier} {running.enter_context(served(app))}")
        (folder / "policy").write_text("\n".join([*lines, "group both all rail customs", "quorum both"]))
        self.settings = TransparencySettings(
            dsn=SecretStr(self.server.dsn),
            network=NETWORK,
            transparency_key=folder / "log.json",
            transparency_policy=folder / "policy",
        )

    def accept(self, count: int) -> None:
        """Accept so many more events."""
        events = [each for story in self._told for each in story.told][self._at : self._at + count]
        desk = Desk(self.server.dsn)
        desk.apply([record(each, self._at + n) for n, each in enumerate(events)])
        desk.settle()
        desk.close()
        self._at += count

    def head(self) -> log.Head:
        with open_session(self.server.dsn) as session:
            return log.read_head(session)

    def replaced(self, by: Path, *, standby: bool = False, segments: Path | None = None) -> Path:
        """Start on a copy of the data folder ``by``, as a standby that is promoted at once if so; the old folder is put aside."""
        server, aside = self.server, self.server.folder / f"aside-{time.monotonic_ns()}"
        server._ctl("stop", "-m", "fast")
        server.data.rename(aside)
        shutil.copytree(by, server.data)
        if segments is not None:
            shutil.copytree(segments / "pg_wal", server.data / "pg_wal", dirs_exist_ok=True)
        if standby:
            (server.data / "standby.signal").touch()
        account = unprivileged_account()
        if account is not None:
            for path in (server.data, *server.data.rglob("*")):
                os.chown(path, account.uid, account.gid)
        server.data.chmod(0o700)
        server._ctl("start", "-l", str(server.folder / "server.log"))
        if standby:
            server._ctl("promote")
        return aside


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[LoggedPlatform]:
    found = programs()
    if found is None:
        pytest.skip(f"NOT RUN: no folder with {', '.join(NEEDED)}; install PostgreSQL, or `make setup`")
    with ExitStack() as running:
        yield LoggedPlatform(found, tmp_path, running)


def test_the_log_after_a_restore_or_a_promotion(platform: LoggedPlatform, tmp_path: Path) -> None:
    environment = {
        "HOME": str(tmp_path),
        "LIANYUN_DSN": platform.server.dsn,
        "LIANYUN_NETWORK": NETWORK,
        "LIANYUN_TRANSPARENCY_KEY": str(tmp_path / "log.json"),
        "LIANYUN_TRANSPARENCY_POLICY": str(tmp_path / "policy"),
    }
    page = Walk("restored-log", tmp_path, environment)
    platform.accept(20)
    entries, cosigned = once(platform.settings)
    assert entries == cosigned > 20
    base = platform.server.folder / "base"
    options = ("-d", platform.server.admin, "-D", str(base), "--wal-method=stream", "--checkpoint=fast")
    platform.server._run("pg_basebackup", *options)
    platform.accept(20)
    assert once(platform.settings) == (entries + 20, entries + 20)

    # A standby that has all is promoted: the log goes on.
    first = platform.server.folder / "first"
    platform.server._ctl("stop", "-m", "fast")
    shutil.copytree(platform.server.data, first)
    platform.server._ctl("start", "-l", str(platform.server.folder / "server.log"))
    platform.replaced(base, standby=True, segments=first)
    platform.accept(10)
    page.do("Ask the witnesses")
    whole = platform.head()
    assert whole.checkpoint.size == entries + 30
    assert whole.cosigned is not None

    # The older backup by itself: refused, and nothing was signed.
    latest = platform.replaced(base)
    before = platform.head()
    assert before.checkpoint.size == entries
    assert "it was set back" in page.do("What was cosigned is missing")
    platform.accept(10)
    assert platform.head() == before

    # A standby that lagged when it was promoted: the same.
    platform.replaced(base, standby=True)
    with pytest.raises(Contradicted, match="set back"):
        once(platform.settings)
    assert platform.head().checkpoint.size == entries

    # What has all goes on.
    platform.replaced(latest)
    page.do("What was cosigned is missing")
    assert platform.head().checkpoint == whole.checkpoint
    page.whole()
