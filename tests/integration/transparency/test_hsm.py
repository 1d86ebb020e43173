"""Keys in a module by PKCS#11, the log's and that of decisions: SoftHSM, where it and python-pkcs11 are on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.envelope import read_headers, signed_bytes
from schemas.signing import parse_header, verify
from services.financing.store.decision_service import DecisionService
from services.financing.store.fingerprint_versions import KeyRing
from services.financing.store.keys import KeysMissing, add_registry_key, make_keys, prepare
from services.financing.store.keys import read_keys as read_keys_of_decisions
from services.ledger.admission.raw_bytes import unframe
from services.ledger.registry import store as registry_store
from services.ledger.storage.session import Session, open_session
from services.runtime.hsm import PIN, HsmFailed, HsmKey, named_key
from services.testbed.localstack.engine import DatabaseAddress
from services.transparency.key_change import add, end
from services.transparency.key_file import create_log, name_hsm_key, read_key, read_keys
from services.transparency.store import log
from tests.integration.transparency.conftest import ORIGIN, fill
from tests.stories.story import NETWORK, Story
from tests.support.api.cast import play
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import SIGNER, Stored, events_of
from tests.support.receipts import cast

pytestmark = [pytest.mark.integration, pytest.mark.long]
ED25519 = bytes.fromhex("06032b6570")
"""Its object identifier, in DER."""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library of SoftHSM with a token ``lianyun`` on which are keys, and one, ``loose``, that can leave it."""
    pkcs11 = pytest.importorskip("pkcs11", reason="NOT RUN: python-pkcs11 is not installed (lianyun[hsm])")
    program = shutil.which("softhsm2-util", path=f"{os.environ['PATH']}:{os.environ.get('SOFTHSM2_BIN', '')}")
    places = [Path("/usr/lib"), *([Path(program).parents[1]] if program else [])]
    found = next((each for place in places for each in place.rglob("libsofthsm2.so")), None)
    if program is None or found is None:
        pytest.skip(
            "NOT RUN: SoftHSM is not on this machine (package softhsm2, or its bin folder in SOFTHSM2_BIN)"
        )
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    os.environ |= {"SOFTHSM2_CONF": str(folder / "conf"), PIN: "1234"}
    command = [program, "--init-token", "--free", "--label", "lianyun", "--pin", "1234", "--so-pin", "5678"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    attribute, kind = pkcs11.Attribute, pkcs11.KeyType.EC_EDWARDS
    with pkcs11.lib(str(found)).get_token(token_label="lianyun").open(rw=True, user_pin="1234") as opened:
        curve = opened.create_domain_parameters(kind, {attribute.EC_PARAMS: ED25519}, local=True)
        for label, leaves in (("log", False), ("next", False), ("decisions", False), ("loose", True)):
            curve.generate_keypair(
                mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, label=label, store=True,
                private_template={attribute.EXTRACTABLE: leaves, attribute.SENSITIVE: not leaves},
            )  # fmt: skip
    return str(found)


def test_a_log_is_signed_in_the_module(
    module: str, dsn: str, session: Session, told: list[Story], tmp_path: Path
) -> None:
    path = tmp_path / "key.json"
    named = name_hsm_key(path, ORIGIN, module, "lianyun", "log")
    assert create_log(session, path, ORIGIN, 1).verifier == named.verifier
    fill(dsn, told)
    grown = log.sequence(session, read_key(path), NETWORK, 8192)
    assert grown.after > 80
    head = log.read_head(session)
    assert (head.key, head.checkpoint.size) == (named.verifier, grown.after)
    assert create_log(session, path, ORIGIN, 2, once=True).verifier == named.verifier
    assert "seed" not in path.read_text()


def test_the_next_key_of_a_log_is_in_the_module_already(
    module: str, dsn: str, session: Session, told: list[Story], tmp_path: Path
) -> None:
    path = tmp_path / "key.json"
    old = create_log(session, path, ORIGIN, 1).verifier
    add(session, path, named_key(module, "lianyun", "next"), 2**61)
    fill(dsn, told)
    signer, *beside = read_keys(path)
    log.sequence(session, signer, NETWORK, 8192, beside)
    end(session, path, old.id.hex(), None, at_once=True)
    (left,) = read_keys(path)
    assert log.read_head(session).keys == (left.verifier,)
    assert left.verifier.raw == HsmKey(module, "lianyun", "next").public_key
    assert "seed" not in path.read_text()


def test_decisions_are_signed_in_the_module(module: str, postgres: DatabaseAddress, tmp_path: Path) -> None:
    """The platform changes to a key in the module: decisions from before stay proven, and those from then on are signed there."""
    dsn, path, told = migrated_database(postgres, "decisions_in_a_module"), tmp_path / "keys.json", cast()
    before = make_keys(path)
    play(dsn, told)
    held = make_keys(path, hsm=(module, "lianyun", "decisions"))
    assert (held.salt_secret, held.registry_keys) == (before.salt_secret, before.registry_keys)
    assert "seed" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert add_registry_key(path).key.key_id == held.key.key_id
    with open_session(dsn) as opened:
        done = prepare(opened, held, SIGNER.network, 0, "test")
        opened.commit()
    assert done == [f"registered its key {held.key.key_id}"]
    stored = Stored(dsn, events_of(told))
    signer = replace(held.signer(SIGNER.network), source=SIGNER.source)
    stored.desk = DecisionService(KeyRing(stored.keys), signer, clock=stored._clock)
    stored._told = len(stored.events)
    order, at, on = told.ask(3)  # RELEASE_ORDER
    assert stored.ask(order, at, on)[0].done
    stored.close()
    with open_session(dsn) as opened:
        registry = registry_store.read_snapshot(opened)
        rows = opened.execute(
            "SELECT headers, payload FROM lianyun.financing_decision ORDER BY number"
        ).fetchall()
    signed_by = []
    for headers, payload in rows:
        envelope, signature = read_headers(unframe(bytes(headers)))
        header = parse_header(signature)
        known = registry.key(header.key_id)
        assert known is not None
        verify(header, known.public, signed_bytes(SIGNER.network, envelope, bytes(payload)))
        signed_by.append(header.key_id)
    assert (set(signed_by), signed_by[-1]) == ({SIGNER.key.key_id, held.key.key_id}, held.key.key_id)
    for token, fault in (("none", "cannot be used"), ("lianyun", "can leave it")):
        with pytest.raises(KeysMissing, match=fault):
            make_keys(path, hsm=(module, token, "loose"))
    assert read_keys_of_decisions(path).key.key_id == held.key.key_id


def test_a_key_that_can_leave_the_module_or_is_not_there_is_refused(module: str) -> None:
    with pytest.raises(HsmFailed, match="can leave it"):
        HsmKey(module, "lianyun", "loose")
    for token, label in (("lianyun", "none"), ("none", "log")):
        with pytest.raises(HsmFailed, match="cannot be used"):
            HsmKey(module, token, label)
    with pytest.raises(HsmFailed, match="cannot be used"):
        HsmKey("/nowhere.so", "lianyun", "log")
