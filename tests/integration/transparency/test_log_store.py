"""The log over a real database: everything that was accepted joins it once, and nothing continues what was not signed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg_pool import ConnectionPool
from pydantic import SecretStr
from typer.testing import CliRunner

from schemas.envelope import event_id
from schemas.merkle import MerkleTree, leaf_hash
from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.audit.fsck.check import fsck
from services.audit.report import Damage
from services.cli.transparency import app
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.transparency import served
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.entry import Entry, Kind
from services.transparency.domain.keys import Cosigner, LogSigner
from services.transparency.domain.note import Note, signed_note
from services.transparency.domain.policy import Policy
from services.transparency.domain.tiles import entries_of
from services.transparency.domain.tlog_proof import NotIncluded
from services.transparency.key_file import create_log, make_key
from services.transparency.mirror import Fork, Mirror
from services.transparency.sequencer import Sequencer
from services.transparency.server import create_app as log_app
from services.transparency.settings import TransparencySettings
from services.transparency.store import log
from services.transparency.store.receipts import NoReceipt, receipt_of_event
from services.transparency.store.sources import Unloggable
from services.transparency.witness.client import Contradicted
from services.transparency.witness.service import WitnessState, create_app, logs_of
from tests.integration.transparency.conftest import ORIGIN, SIGNER, catch_up, fill, made_anew
from tests.stories.story import NETWORK, Story
from tests.support.signed_stories import GATEWAY

pytestmark = pytest.mark.integration


def entries(session: Session) -> list[Entry]:
    rows = session.execute("SELECT index, entry FROM lianyun.transparency_entry ORDER BY index").fetchall()
    assert [index for index, _ in rows] == list(range(len(rows)))
    raws = [bytes(raw) for _, raw in rows]
    assert all(len(raw) == 512 for raw in raws)
    head = log.read_head(session)
    assert head.checkpoint == Checkpoint(ORIGIN, len(raws), MerkleTree.over(list(map(leaf_hash, raws))).root)
    return [Entry.parse(raw) for raw in raws]


def test_there_is_no_log_until_one_is_made_and_there_is_one(session: Session) -> None:
    with pytest.raises(log.NoLog):
        log.sequence(session, SIGNER, NETWORK, 10)
    log.create(session, SIGNER, 1)
    with pytest.raises(log.LogRefused, match="already"):
        log.create(session, SIGNER, 1)


def test_a_log_and_its_key_are_made_once_and_one_is_never_made_for_the_other(
    session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "key.json"
    made = create_log(session, path, ORIGIN, 1, once=True)
    assert log.read_head(session).key == made.verifier
    assert create_log(session, path, ORIGIN, 2, once=True).verifier == made.verifier
    with pytest.raises(log.LogRefused, match="already"):
        create_log(session, path, ORIGIN, 2)
    lost = path.rename(tmp_path / "lost.json")
    for once, fault in ((True, "restore it"), (False, "already")):
        with pytest.raises(log.LogRefused, match=fault):
            create_log(session, path, ORIGIN, 2, once=once)
        assert not path.exists()
    make_key(path, ORIGIN)
    with pytest.raises(log.LogRefused, match="the log of this database is"):
        create_log(session, path, ORIGIN, 2, once=True)
    session.execute("DELETE FROM lianyun.transparency_head")
    with pytest.raises(log.LogRefused, match="not in this database"):
        create_log(session, lost, ORIGIN, 2, once=True)


def test_the_policy_is_written_once_and_taken_over_from_beside_the_key(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The witnesses that an operator wrote into it are there after a start, also after one that has it elsewhere."""
    monkeypatch.setenv("LIANYUN_DSN", dsn)
    monkeypatch.setenv("LIANYUN_TRANSPARENCY_KEY", str(tmp_path / "key.json"))

    def start(policy: Path) -> str:
        done = CliRunner().invoke(app, ["create", "--once", "--policy", str(policy), ORIGIN])
        assert done.exit_code == 0, done.output
        return policy.read_text()

    beside = tmp_path / "policy"
    assert start(beside).splitlines()[1] == "quorum none"
    beside.write_text(f"{beside.read_text()}# and our witnesses\n")
    (tmp_path / "shared").mkdir()
    assert start(beside) == start(tmp_path / "shared" / "policy")
    assert "our witnesses" in beside.read_text()


@pytest.mark.parametrize("limit", [5, 8192])
def test_what_was_accepted_joins_once_whatever_the_steps(
    dsn: str, session: Session, told: list[Story], limit: int
) -> None:
    log.create(session, SIGNER, 1)
    begun = threading.Event()
    filling = threading.Thread(target=fill, args=(dsn, told), kwargs={"between": begun})
    filling.start()
    begun.wait(60)
    while filling.is_alive():
        log.sequence(session, SIGNER, NETWORK, limit)
    filling.join()
    catch_up(session, limit)
    found = entries(session)
    ((accepted,), (refused,), (entered,)) = (
        session.execute(f"SELECT count(*) FROM lianyun.{table}".encode()).fetchone()  # noqa: S608
        for table in ("body", "dead_letter", "audit_trail")
    )
    kinds = [each.kind for each in found]
    assert (kinds.count(Kind.EVENT), kinds.count(Kind.REFUSED), kinds.count(Kind.REGISTER)) == (
        accepted,
        refused,
        entered,
    )
    assert accepted > 30
    assert refused == 3
    assert {each.key for each in found if each.kind is Kind.EVENT} <= {
        row[0] for row in session.execute("SELECT key_id FROM lianyun.party_key")
    }


def test_of_two_sequencers_one_has_its_turn(dsn: str, session: Session, told: list[Story]) -> None:
    log.create(session, SIGNER, 1)
    fill(dsn, told)
    with open_session(dsn) as other:
        other.execute("SELECT FROM lianyun.transparency_head FOR UPDATE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            log.sequence(session, SIGNER, NETWORK, 10)
    catch_up(session)
    before = entries(session)
    assert log.sequence(session, SIGNER, NETWORK, 10).after == len(before)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE lianyun.transparency_head SET size = size - 1", "the head says"),
        ("UPDATE lianyun.transparency_head SET root = sha256('x')", "the head says"),
        ("UPDATE lianyun.transparency_head SET at = at + 3600000000", "clock has gone back"),
        ("UPDATE lianyun.transparency_tile SET hashes = sha256('x') || substr(hashes, 33)", "another root"),
        ("DELETE FROM lianyun.transparency_tile", "do not hold"),
        ("UPDATE lianyun.transparency_head SET checkpoint = replace(checkpoint, E'\\n1', E'\\n2')", "not what its key signed"),
    ],
)  # fmt: skip
def test_what_was_not_signed_is_not_continued(
    dsn: str, session: Session, told: list[Story], change: str, fault: str
) -> None:
    log.create(session, SIGNER, 1)
    fill(dsn, told)
    catch_up(session)
    session.execute(change.encode())
    with pytest.raises(log.LogRefused, match=fault):
        log.sequence(session, SIGNER, NETWORK, 10)


@pytest.mark.long
def test_a_step_may_be_killed_at_each_round_trip_to_the_database(
    dsn: str, session: Session, told: list[Story]
) -> None:
    """SIGKILL before each, in a process of its own; the last is not reached, and that step ends by itself."""
    log.create(session, SIGNER, 1)
    fill(dsn, told)
    session.close()  # nothing of it is shared with what is forked
    place = 0
    while killed_before(dsn, place):
        place += 1
    assert place > 20, "round trips of a step, opening and cosigning among them"
    with open_session(dsn) as again:
        again.autocommit = True
        assert 0 < len(entries(again)) < 80, "some steps were whole when they were killed"
        catch_up(again)
        kinds = [each.kind for each in entries(again)]
        accepted, refused, entered = (
            again.execute(f"SELECT count(*) FROM lianyun.{table}".encode()).fetchone()[0]  # type: ignore[index]  # noqa: S608
            for table in ("body", "dead_letter", "audit_trail")
        )
    assert [kinds.count(kind) for kind in (Kind.EVENT, Kind.REFUSED, Kind.REGISTER)] == [
        accepted,
        refused,
        entered,
    ]


def killed_before(dsn: str, place: int) -> bool:
    """Take a step of two entries in a process that kills itself before its round trip ``place``; whether it came to that."""
    child = os.fork()
    if child == 0:
        try:
            left, answered = place, psycopg.Connection.wait

            def wait(self: Session, *arguments: Any, **named: Any) -> Any:
                nonlocal left
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1
                return answered(self, *arguments, **named)

            psycopg.Connection.wait = wait  # type: ignore[method-assign]
            settings = TransparencySettings(dsn=SecretStr(dsn), network=NETWORK, transparency_entries=2)
            alone = Sequencer(settings, SIGNER, Policy.parse(f"log {SIGNER.verifier}\nquorum none".encode()))
            alone.open()
            alone.step()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_the_log_is_continued_under_its_own_key_only(session: Session) -> None:
    log.create(session, SIGNER, 1)
    other = LogSigner(ORIGIN, SigningKey.from_seed(Scheme.ED25519, sha256(b"other").digest()))
    with pytest.raises(log.LogRefused, match="not of"):
        log.sequence(session, other, NETWORK, 10)


def test_a_changed_event_does_not_join(dsn: str, session: Session, told: list[Story]) -> None:
    log.create(session, SIGNER, 1)
    fill(dsn, told)
    session.execute(
        "UPDATE lianyun.body SET payload = payload || ' ' WHERE no = (SELECT min(no) FROM lianyun.body)"
    )
    with pytest.raises(Unloggable, match="another digest"):
        catch_up(session)
    assert log.read_head(session).checkpoint.size == 0


class Partners:
    """Three witnesses of partners, each a service of its own, and the policy that names them."""

    def __init__(self, folder: Path) -> None:
        self.time = 1_700_000_000
        lines, self._running = [f"log {SIGNER.verifier}"], list[ExitStack]()
        for name in ("rail", "customs", "west"):
            key = Cosigner(
                f"{name}.example", SigningKey.from_seed(Scheme.ED25519, sha256(name.encode()).digest())
            )
            app = create_app(
                WitnessState(folder / f"{name}.sqlite"), logs_of([SIGNER.verifier]), [key], lambda: self.time
            )
            service = ExitStack()
            lines.append(f"witness {name} {key.verifier} {service.enter_context(served(app))}")
            self._running.append(service)
        lines += ["group two 2 rail customs west", "quorum two"]
        self.policy = Policy.parse("\n".join(lines).encode())

    def stop(self, *at: int) -> None:
        for each in at or range(3):
            self._running[each].close()


@pytest.fixture
def partners(tmp_path: Path) -> Iterator[Partners]:
    found = Partners(tmp_path)
    yield found
    found.stop()


def sequencer(dsn: str, partners: Partners) -> Sequencer:
    settings = TransparencySettings(dsn=SecretStr(dsn), network=NETWORK, transparency_patience=30.0)
    made = Sequencer(settings, SIGNER, partners.policy)
    try:
        made.open()
    except BaseException:
        made.close()
        raise
    return made


def test_a_receipt_verifies_without_us(
    dsn: str, session: Session, told: list[Story], partners: Partners
) -> None:
    log.create(session, SIGNER, 1)
    running = sequencer(dsn, partners)
    fill(dsn, told)
    event = told[0].told[0].envelope
    id_ = event_id(event.source, event.id)
    with pytest.raises(NoReceipt, match="not joined the log yet"):
        receipt_of_event(session, NETWORK, id_)
    catch_up(session)
    with pytest.raises(NoReceipt, match="not cosigned yet"):
        receipt_of_event(session, NETWORK, id_)
    running.step()
    running.step()
    (receipt,) = receipt_of_event(session, NETWORK, id_)
    proven = receipt.verified(partners.policy)
    assert told[0].told[0].payload in proven.document.text
    assert proven.trusted.since == partners.time
    assert len(proven.trusted.witnesses) >= 2
    other = receipt.as_json() | {"place": "cre.gateway.v1/0@77"}
    with pytest.raises(NotIncluded):
        type(receipt).of_json(other).verified(partners.policy)
    running.close()


def test_witnesses_that_are_away_stop_nothing(
    dsn: str, session: Session, told: list[Story], partners: Partners
) -> None:
    log.create(session, SIGNER, 1)
    partners.stop(0, 1)
    running = sequencer(dsn, partners)
    fill(dsn, told)
    running.step()
    assert log.read_head(session).checkpoint.size > 30
    assert log.read_head(session).cosigned is None
    running.close()


def test_a_log_that_was_set_back_or_rewritten_is_not_cosigned_and_ends(
    dsn: str, session: Session, told: list[Story], partners: Partners
) -> None:
    log.create(session, SIGNER, 1)
    fill(dsn, told)
    running = sequencer(dsn, partners)
    running.step()
    size = log.read_head(session).checkpoint.size
    # The operator makes history anew under the log's own key: one entry less, then as many with another content.
    made_anew(session)
    for limit, fault in ((size - 1, "set back"), (size, "another history")):
        log.sequence(session, SIGNER, NETWORK, limit - log.read_head(session).checkpoint.size)
        with pytest.raises(Contradicted, match=fault):  # before it signs anything
            sequencer(dsn, partners)
    running.close()


def test_the_log_is_served_as_static_resources(dsn: str, session: Session, told: list[Story]) -> None:
    log.create(session, SIGNER, 1)
    fill(dsn, told)
    catch_up(session)
    size = log.read_head(session).checkpoint.size
    with (
        ConnectionPool(dsn, min_size=1, max_size=2, kwargs={"autocommit": True}) as pool,
        served(log_app(pool, cosigned=False)) as base,
        httpx.Client(base_url=base, trust_env=False) as client,
    ):
        note = Note.parse(client.get("/checkpoint").content)
        note.verified([SIGNER.verifier])
        shown = Checkpoint.parse(note.text)
        full, part = divmod(size, 256)
        assert shown.size == size
        paths = [*(f"{n:03d}" for n in range(full)), f"{full:03d}.p/{part}"]
        raws = [raw for path in paths for raw in entries_of(client.get(f"/tile/entries/{path}").content)]
        assert MerkleTree.over(list(map(leaf_hash, raws))).root == shown.root
        hashes = b"".join(client.get(f"/tile/0/{path}").content for path in paths)
        assert hashes == b"".join(map(leaf_hash, raws))
        for missing in (
            f"/tile/0/{full:03d}.p/{part + 1}",
            "/tile/0/1",
            "/tile/9/000",
            "/tile/entries/777",
        ):
            assert client.get(missing).status_code == 404


def test_a_note_of_a_witness_is_no_head_of_the_log() -> None:
    key = Cosigner(ORIGIN, SigningKey.from_seed(Scheme.ED25519, sha256(b"log").digest()))
    text = Checkpoint(ORIGIN, 0, bytes(32)).text
    with pytest.raises(log.LogRefused):
        log._verified(str(SIGNER.verifier), "", None, 0, bytes(32), str(signed_note(text, [key], 1)), 0, None)


def test_fsck_compares_both_ways(dsn: str, session: Session, told: list[Story]) -> None:
    """What the operator of the database changes behind the platform's back, with every digest of the database made anew."""
    log.create(session, SIGNER, 1)
    fill(dsn, told)
    catch_up(session)

    def findings() -> list[tuple[str, str]]:
        report = fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
        return [(each.where, each.field) for each in report.findings if each.kind is Damage.TRANSPARENCY]

    assert findings() == []
    session.execute("ALTER TABLE lianyun.transparency_entry DISABLE TRIGGER ALL")
    session.execute("ALTER TABLE lianyun.audit_trail DISABLE TRIGGER ALL")
    ((last,),) = session.execute("SELECT max(no) FROM lianyun.body").fetchall()
    damage: tuple[tuple[str, tuple[str, str]], ...] = (
        ("UPDATE lianyun.body SET appended = appended + 1 WHERE no = (SELECT min(no) FROM lianyun.body)", (", event ", "document")),
        ("DELETE FROM lianyun.body WHERE no = (SELECT max(no) FROM lianyun.body)", (f"entry of event {last}", "document")),
        ("DELETE FROM lianyun.dead_letter WHERE xid = (SELECT max(xid) FROM lianyun.dead_letter)", ("", "")),
        ("UPDATE lianyun.audit_trail SET change = change || ' ' WHERE register = 'registry_event' AND no = 1",
         ("register registry_event 1", "document")),
        ("INSERT INTO lianyun.transparency_cursor (source) VALUES ('register invented')", ("transparency_cursor", "source")),
        ("INSERT INTO lianyun.transparency_cursor (source) VALUES ('eventx')", ("transparency_cursor", "source")),
        ("UPDATE lianyun.transparency_tile SET hashes = sha256('x') || substr(hashes, 33)", ("transparency_tile 0/0", "hashes")),
        ("DELETE FROM lianyun.transparency_entry WHERE index = (SELECT max(index) FROM lianyun.transparency_entry)",
         ("transparency_entry", "rows")),
        ("DELETE FROM lianyun.transparency_head", ("transparency_head", "row")),
    )  # fmt: skip
    for change, (where, field) in damage:
        with psycopg.connect(dsn) as other:
            other.execute(change.encode())
        if where:
            found = findings()
            assert any(where in name and field == what for name, what in found), (change, found)


def test_a_mirror_takes_over_what_continues_it_and_nothing_else(
    dsn: str, session: Session, told: list[Story], tmp_path: Path
) -> None:
    log.create(session, SIGNER, 1)
    fill(dsn, told)
    trust = Policy.parse(f"log {SIGNER.verifier}\nquorum none".encode())
    mirror = Mirror(tmp_path, trust)
    with (
        ConnectionPool(dsn, min_size=1, max_size=2, kwargs={"autocommit": True}) as pool,
        served(log_app(pool, cosigned=False)) as base,
        httpx.Client(base_url=base, trust_env=False) as client,
    ):
        for limit in (3, 250, 60, 8192):
            grown = log.sequence(session, SIGNER, NETWORK, limit)
            assert mirror.follow(client) == (grown.before, grown.after)
        assert mirror.follow(client) == (grown.after, grown.after)
        whole = [each.raw for each in entries(session)]
        full, part = divmod(len(whole), 256)
        paths = [*(f"{n:03d}" for n in range(full)), f"{full:03d}.p/{part}"]
        held = [raw for path in paths for raw in entries_of((tmp_path / "tile/entries" / path).read_bytes())]
        assert held == whole
        before = (tmp_path / "checkpoint").read_bytes()
        made_anew(session)
        # Of events it is the same history so far, only older; new salts of the rest make it another one.
        log.sequence(session, SIGNER, NETWORK, 20)
        mirror.follow(client)
        for limit in (len(whole) - 30, 8192):
            log.sequence(session, SIGNER, NETWORK, limit)
            with pytest.raises(Fork) as forked:
                mirror.follow(client)
            assert [trust.log_signed(note).origin for note in forked.value.evidence] == [ORIGIN, ORIGIN]
        assert (tmp_path / "checkpoint").read_bytes() == before
