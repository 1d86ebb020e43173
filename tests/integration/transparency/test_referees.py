"""The log before the reference code of others: two witnesses in Go that cosign it or refuse it, and Tessera's own fsck."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from psycopg_pool import ConnectionPool
from pydantic import SecretStr

from services.ledger.storage.session import Session
from services.runtime.ports import free_port, listening
from services.testbed.localstack.transparency import served
from services.transparency.domain.keys import SignatureType, VerifierKey, key_id
from services.transparency.domain.policy import Policy
from services.transparency.key_change import add, end
from services.transparency.key_file import new_mldsa44, read_keys
from services.transparency.sequencer import Sequencer
from services.transparency.server import create_app
from services.transparency.settings import TransparencySettings
from services.transparency.store import log
from services.transparency.witness.client import Contradicted, Witnesses
from tests.integration.transparency.conftest import ORIGIN, SIGNER, catch_up, fill, made_anew
from tests.stories.story import NETWORK, Story
from tests.support.producers.condition import until

pytestmark = [pytest.mark.integration, pytest.mark.long]
MODULE = Path(__file__).parent / "referees"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the referees' programs, built from the pinned modules."""
    if shutil.which("go") is None:
        pytest.skip(
            "NOT RUN: the log is not held against Go's reference code: there is no Go on this machine"
        )
    folder, source = tmp_path_factory.mktemp("referees"), tmp_path_factory.mktemp("source")
    shutil.copytree(MODULE, source, dirs_exist_ok=True)
    environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
    made = subprocess.run(
        ["go", "build", "-o", f"{folder}/", "tool", "./mldsa"],
        cwd=source, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    if made.returncode and any(each in made.stderr for each in ("dial tcp", ": 403 ", ": 404 ", ": 410 ")):
        pytest.skip(
            "NOT RUN: the log is not held against Go's reference code: its modules cannot be had here"
        )
    assert made.returncode == 0, made.stderr
    return folder


@contextmanager
def running(log_file: Path, *command: object, **environment: str) -> Iterator[None]:
    with log_file.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command)], stdout=output, stderr=output, env={**os.environ, **environment}
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def litewitness(programs: Path, folder: Path, stack: ExitStack) -> tuple[VerifierKey, str]:
    """Torchwood's witness with its key in an ssh-agent; its database is filled as `witnessctl` does."""
    if shutil.which("ssh-agent") is None:
        pytest.skip("NOT RUN: litewitness needs an ssh-agent, and there is none on this machine")
    name, key, agent = "lite.example", Ed25519PrivateKey.generate(), folder / "agent"
    (folder / "lite.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    (folder / "lite.pem").chmod(0o600)
    public = key.public_key().public_bytes_raw()
    stack.enter_context(running(folder / "agent.log", "ssh-agent", "-D", "-a", agent))
    until(agent.exists, "the agent listens")
    add = ["ssh-add", str(folder / "lite.pem")]
    subprocess.run(
        add, env={**os.environ, "SSH_AUTH_SOCK": str(agent)}, check=True, capture_output=True, timeout=30
    )
    port, state = free_port(), folder / "lite.db"
    command = (programs / "litewitness", "-db", state, "-name", name, "-ssh-agent", agent)
    fingerprint = sha256(public).hexdigest()
    stack.enter_context(
        running(folder / "lite.log", *command, "-key", fingerprint, "-listen", f"127.0.0.1:{port}")
    )
    until(lambda: listening(port), "litewitness listens")
    with closing(sqlite3.connect(state)) as session:
        session.execute(
            "INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)",
            (ORIGIN, b64encode(sha256().digest()).decode()),
        )
        session.execute("INSERT INTO key (origin, key) VALUES (?, ?)", (ORIGIN, str(SIGNER.verifier)))
        session.commit()
    return VerifierKey(name, SignatureType.COSIGNATURE_ED25519, public), f"http://127.0.0.1:{port}"


def omniwitness(programs: Path, folder: Path, stack: ExitStack) -> tuple[VerifierKey, str]:
    """The witness of the transparency.dev project."""
    name, key = "omni.example", Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    kind = SignatureType.ED25519
    secret = b64encode(bytes([kind]) + key.private_bytes_raw()).decode()
    (folder / "omni.key").write_text(f"PRIVATE+KEY+{name}+{key_id(name, kind, public).hex()}+{secret}")
    (folder / "logs.yaml").write_text(
        f"Logs:\n  - Origin: {ORIGIN}\n    URL: http://127.0.0.1:1/\n    PublicKey: {SIGNER.verifier}\n"
    )
    port = free_port()
    command = (
        programs / "omniwitness",
        "--listen",
        f"127.0.0.1:{port}",
        "--metrics_listen",
        "",
        "--db_file",
        folder / "omni.db",
    )
    files = ("--private_key_path", folder / "omni.key", "--additional_logs", folder / "logs.yaml")
    stack.enter_context(running(folder / "omni.log", *command, *files))
    until(lambda: listening(port), "omniwitness listens")
    return VerifierKey(name, SignatureType.COSIGNATURE_ED25519, public), f"http://127.0.0.1:{port}"


@pytest.fixture
def referees(programs: Path, tmp_path: Path) -> Iterator[Mapping[str, tuple[VerifierKey, str]]]:
    with ExitStack() as stack:
        yield {each.__name__: each(programs, tmp_path, stack) for each in (litewitness, omniwitness)}


def policy(referees: Mapping[str, tuple[VerifierKey, str]], *names: str) -> Policy:
    lines = [f"witness {name} {key} {url}" for name, (key, url) in referees.items() if name in names]
    quorum = [f"group every all {' '.join(names)}", "quorum every"]
    return Policy.parse("\n".join([f"log {SIGNER.verifier}", *lines, *quorum]).encode())


def test_two_witnesses_of_others_cosign_what_continues_and_refuse_what_does_not(
    dsn: str,
    session: Session,
    told: list[Story],
    referees: Mapping[str, tuple[VerifierKey, str]],
    programs: Path,
    tmp_path: Path,
) -> None:
    """They take no offence at a line in ML-DSA-44, which another program in Go verifies."""
    log.create(session, SIGNER, 1)
    fill(dsn, told)
    trust = policy(referees, *referees)
    settings = TransparencySettings(
        dsn=SecretStr(dsn), network=NETWORK, transparency_patience=30.0, transparency_entries=20
    )
    (tmp_path / "key").write_text(json.dumps({"origin": ORIGIN, "seed": sha256(b"log").hexdigest()}))
    add(session, tmp_path / "key", new_mldsa44(), None)
    _, quantum = read_keys(tmp_path / "key")
    sequencer = Sequencer(settings, SIGNER, trust, (quantum,))
    sequencer.open()
    began = int(time.time())
    for _ in range(4):
        sequencer.step()
        head = log.read_head(session)
        assert head.cosigned is not None
        trusted = trust.trusted(head.cosigned)
        assert (trusted.checkpoint, trusted.witnesses.keys()) == (head.checkpoint, referees.keys())
        assert all(began - 1 <= at <= time.time() + 1 for at in trusted.witnesses.values())
    sequencer.close()
    assert head.cosigned is not None
    whole = str(head.cosigned)
    line = next(each for each in whole.splitlines() if len(each) > 3_000)
    for shown, good in ((whole, True), (whole.replace(line, line[:-9] + "AAAAAAAAA"), False)):
        command = [programs / "mldsa", str(quantum.verifier)]
        done = subprocess.run(command, input=shown, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode == 0) is good, done.stderr
    end(session, tmp_path / "key", quantum.verifier.id.hex(), trust)
    catch_up(session)
    size = log.read_head(session).checkpoint.size
    assert size > 80
    for name in referees:  # who has been away learns by 409 what the witness holds, and proves from there
        asked = Witnesses(policy(referees, name))
        note = log.read_head(session).note
        assert asked.cosigned(note, log.tree_of(session, size).consistency, 30.0) is not None
        asked.close()
    made_anew(session)
    for limit, fault in ((size - 1, "set back"), (size, "another history")):
        log.sequence(session, SIGNER, NETWORK, limit - log.read_head(session).checkpoint.size)
        head = log.read_head(session)
        for name in referees:
            asked = Witnesses(policy(referees, name))
            with pytest.raises(Contradicted, match=fault):
                asked.cosigned(head.note, log.tree_of(session, head.checkpoint.size).consistency, 30.0)
            asked.close()


def test_fsck_of_tessera_finds_the_served_log_sound_and_a_changed_tile_not(
    dsn: str, session: Session, told: list[Story], programs: Path, tmp_path: Path
) -> None:
    log.create(session, SIGNER, 1)
    fill(dsn, told)
    catch_up(session)
    (tmp_path / "log.vkey").write_text(str(SIGNER.verifier))

    def judged(url: str) -> str:
        command = [
            programs / "fsck",
            "--storage_url",
            f"{url}/",
            "--public_key",
            tmp_path / "log.vkey",
            "--ui=false",
            "--v=1",
        ]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)
        return done.stderr

    with (
        ConnectionPool[Session](dsn, min_size=1, max_size=2, kwargs={"autocommit": True}) as pool,
        served(create_app(pool, cosigned=False)) as url,
    ):
        sound = judged(url)
        assert "Completed ranges" in sound
        assert "fsck failed" not in sound
        session.execute(
            "UPDATE lianyun.transparency_tile SET hashes = sha256('x') || substr(hashes, 33) WHERE (level, number) = (0, 0)"
        )
        assert "fsck failed" in judged(url)
