"""Keys of the log that join and end while it runs, with real witnesses over HTTP: nothing ends that they do not all know."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from schemas.envelope import event_id
from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.audit.fsck.check import fsck
from services.audit.report import Damage
from services.cli.transparency import app
from services.ledger.storage.session import Session
from services.testbed.localstack.transparency import served
from services.transparency.domain.keys import Cosigner, SignatureType, VerifierKey
from services.transparency.domain.note import BadSignature
from services.transparency.domain.policy import Policy
from services.transparency.domain.receipt import Receipt
from services.transparency.key_file import create_log, read_key, read_keys
from services.transparency.sequencer import Sequencer
from services.transparency.settings import TransparencySettings
from services.transparency.store import log
from services.transparency.store.receipts import file_of, receipt_of_event
from services.transparency.witness.service import WitnessState, create_app
from tests.integration.transparency.conftest import ORIGIN, fill
from tests.stories.story import NETWORK, Story

pytestmark = pytest.mark.integration
NAMES = ("rail", "customs")
IN_A_DAY = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")


class Running:
    """A log in a database with a sequencer at work, and two witnesses that both have to cosign and know the log by ``known``."""

    def __init__(self, dsn: str, session: Session, folder: Path, stack: ExitStack) -> None:
        self.dsn, self.session, self.folder = dsn, session, folder
        self.key, self.policy = folder / "key.json", folder / "policy"
        own = create_log(session, self.key, ORIGIN, 1).verifier
        self.known: dict[str, dict[str, list[VerifierKey]]] = {}
        lines = [f"log {own}"]
        for name in NAMES:
            signer = Cosigner(
                f"{name}.example", SigningKey.from_seed(Scheme.ED25519, sha256(name.encode()).digest())
            )
            self.known[name] = {ORIGIN: [own]}
            witness = create_app(
                WitnessState(folder / f"{name}.sqlite"), self.known[name], [signer], lambda: int(time.time())
            )
            lines.append(f"witness {name} {signer.verifier} {stack.enter_context(served(witness))}")
        self.policy.write_text("\n".join([*lines, "group both all rail customs", "quorum both", ""]))
        self.own, self.old = own, self.trust()
        self.sequencer = stack.enter_context(self._sequencing())

    def trust(self) -> Policy:
        return Policy.parse(self.policy.read_bytes())

    def sequencer_of(self, key: Path) -> Sequencer:
        settings = TransparencySettings(
            dsn=SecretStr(self.dsn), network=NETWORK, transparency_key=key, transparency_patience=30.0
        )
        signer, *beside = read_keys(key)
        return Sequencer(settings, signer, self.trust(), tuple(beside))

    def _sequencing(self) -> ExitStack:
        made, stack = self.sequencer_of(self.key), ExitStack()
        stack.callback(made.close)
        made.open()
        self.step = made.step
        return stack

    def receipt(self, told: list[Story]) -> Receipt:
        """Of the first event, after a step of the sequencer that runs."""
        self.step()
        event = told[0].told[0].envelope
        (found,) = receipt_of_event(self.session, NETWORK, event_id(event.source, event.id))
        return found

    def run(self, *command: str, code: int = 0) -> str:
        environment = {
            "LIANYUN_DSN": self.dsn,
            "LIANYUN_NETWORK": NETWORK,
            "LIANYUN_TRANSPARENCY_KEY": str(self.key),
            "LIANYUN_TRANSPARENCY_POLICY": str(self.policy),
        }
        done = CliRunner().invoke(app, ["key", *command], env=environment)
        assert getattr(done.exception, "code", done.exit_code) == code, (done.output, done.exception)
        return done.stdout


@pytest.fixture
def running(dsn: str, session: Session, tmp_path: Path) -> Iterator[Running]:
    with ExitStack() as stack:
        yield Running(dsn, session, tmp_path, stack)


def damaged(running: Running) -> list[str]:
    return [each.field for each in fsck(running.dsn, NETWORK).findings if each.kind is Damage.TRANSPARENCY]


def test_an_old_key_and_a_new_one_sign_side_by_side_until_the_old_one_ends(
    running: Running, told: list[Story]
) -> None:
    fill(running.dsn, told, 1)
    before = running.receipt(told)
    before.verified(running.old)

    announcement = running.folder / "announcement"
    announcement.write_text(running.run("add", "--until", IN_A_DAY))
    assert running.run("add", "--until", IN_A_DAY) == announcement.read_text(), "once, however often"
    new = read_keys(running.key)[1].verifier
    during = running.receipt(told)  # the process that ran meanwhile reads the file again
    assert log.read_head(running.session).keys == (running.own, new)
    assert during.verified(running.old).trusted.witnesses.keys() == {"rail", "customs"}, (
        "who knows the old key alone"
    )

    running.run("end", running.own.id.hex(), code=1)  # both were announced for a day
    running.run("end", running.own.id.hex(), "--at-once", code=1)  # no witness knows the new key
    running.known["rail"][ORIGIN].append(new)
    running.run("end", running.own.id.hex(), "--at-once", code=1)  # and one alone is no quorum
    assert log.read_head(running.session).keys == (running.own, new)
    running.known["customs"][ORIGIN].append(new)
    running.run("end", running.own.id.hex(), "--at-once", code=1)  # the policy here does not trust it
    assert running.run("accept", str(announcement), "--policy", str(running.policy)).strip() == str(new)
    held = running.key.read_text()
    running.run("end", running.own.id.hex(), "--at-once")

    head = log.read_head(running.session)
    assert (head.keys, head.until, read_key(running.key).verifier) == ((new,), None, new)
    after = running.receipt(told)
    alone = Policy.parse(running.policy.read_bytes().replace(f"log {running.own}\n".encode(), b""))
    after.verified(alone)
    for each in (before, during, after):
        each.verified(running.trust())
    with pytest.raises(BadSignature, match="no trusted log"):
        after.verified(running.old)
    assert damaged(running) == []

    # A kill after the log was changed leaves the old key in the file: it signs nothing, and the command takes it out.
    running.key.write_text(held)
    running.step()
    assert log.read_head(running.session).keys == (new,)
    running.run("end", running.own.id.hex())
    assert [each.verifier for each in read_keys(running.key)] == [new]


def test_a_key_that_was_not_announced_signs_nothing(running: Running, told: list[Story]) -> None:
    fill(running.dsn, told, 1)
    other = running.folder / "other.json"
    other.write_text(json.dumps({"origin": ORIGIN, "seed": "07" * 32}))
    changed = running.sequencer_of(other)
    changed.open()
    with pytest.raises(log.LogRefused, match="not of"):
        changed.step()
    changed.close()
    running.session.execute(
        "UPDATE lianyun.transparency_head SET beside = %s, until = 1", (str(read_key(other).verifier),)
    )
    with pytest.raises(log.LogRefused, match="a key that signs it did not"):
        running.step()
    assert damaged(running) == ["checkpoint"]
    running.session.execute("UPDATE lianyun.transparency_head SET beside = ''")
    assert damaged(running) == ["keys"]


def test_the_log_signs_in_ml_dsa_44_too_and_receipts_stay_small_where_nobody_asks_for_it(
    running: Running, told: list[Story]
) -> None:
    fill(running.dsn, told, 1)
    running.run("add", code=2)
    announcement = running.folder / "announcement"
    announcement.write_text(running.run("add", "--ml-dsa-44"))
    quantum = read_keys(running.key)[1].verifier
    assert quantum.type is SignatureType.COSIGNATURE_MLDSA44
    receipt = running.receipt(told)
    assert len(receipt.proof.checkpoint.signatures) == 4
    receipt.verified(running.old)
    small = receipt.under(running.old)
    assert len(small.proof.checkpoint.signatures) == 3
    small.verified(running.old)
    assert len(file_of([small])) <= 4096 < len(file_of([receipt])) < 8192

    lines = running.policy.read_text()
    alone = Policy.parse(lines.replace(f"log {running.own}", f"log {quantum}").encode())
    receipt.verified(alone)
    both = Policy.parse(
        lines.replace("group both all", f"witness own {quantum}\ngroup both all own").encode()
    )
    assert receipt.verified(both).trusted.witnesses.keys() == {"own", "rail", "customs"}
    for trust in (alone, both):
        with pytest.raises(BadSignature):
            small.verified(trust)
    running.run("accept", str(announcement), "--policy", str(running.policy))
    assert quantum in running.trust().logs

    running.run("end", quantum.id.hex())
    assert log.read_head(running.session).keys == (running.own,)
    assert len(read_keys(running.key)) == 1
    assert damaged(running) == []
