"""The log's key in a module by PKCS#11: SoftHSM, where it and python-pkcs11 are on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from services.ledger.storage.session import Session
from services.runtime.hsm import PIN, HsmFailed, HsmKey
from services.transparency.key_file import create_log, name_hsm_key, read_key
from services.transparency.store import log
from tests.integration.transparency.conftest import ORIGIN, fill
from tests.stories.story import NETWORK, Story

pytestmark = [pytest.mark.integration, pytest.mark.long]
ED25519 = bytes.fromhex("06032b6570")
"""Its object identifier, in DER."""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library of SoftHSM with a token ``lianyun`` on which are a key ``log`` and a key ``loose`` that can leave it."""
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
        for label, leaves in (("log", False), ("loose", True)):
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


def test_a_key_that_can_leave_the_module_or_is_not_there_is_refused(module: str) -> None:
    with pytest.raises(HsmFailed, match="can leave it"):
        HsmKey(module, "lianyun", "loose")
    for token, label in (("lianyun", "none"), ("none", "log")):
        with pytest.raises(HsmFailed, match="cannot be used"):
            HsmKey(module, token, label)
    with pytest.raises(HsmFailed, match="cannot be used"):
        HsmKey("/nowhere.so", "lianyun", "log")
