"""`lianyun key` on both machines: the partner proves, the operator registers; and what is refused without a proof."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from services.audit.fsck.check import fsck
from services.cli.exits import Exit, Failure
from services.cli.keys import key
from services.ledger.registry import commands, store
from services.ledger.registry.events import KeyAdded
from services.producers import profile
from tests.integration.registry.test_registry import NOW, railway
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
Run = Callable[..., Any]


@pytest.fixture
def dsn(postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    address = migrated_database(postgres, f"key_commands_{tmp_path.name[-12:].replace('-', '_')}")
    with psycopg.connect(address) as session:
        commands.add_party(session, railway("ktz"), at=NOW, by="op")
    monkeypatch.setenv("LIANYUN_DSN", address)
    monkeypatch.setenv("LIANYUN_NETWORK", "demo")
    monkeypatch.setattr("services.cli.settings._running", dict)
    return address


@pytest.fixture
def run(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `lianyun key` as the operator, or as the partner with ``partner=True``; what a Failure says where it ends with one."""
    assert dsn

    def invoke(*arguments: str, partner: bool = False) -> Any:
        monkeypatch.setenv("LIANYUN_PARTNERS", str(tmp_path / ("partner" if partner else "operator")))
        done = CliRunner().invoke(key, arguments)
        if isinstance(done.exception, Failure):
            return done.exception
        assert done.exit_code == Exit.OK, (done.output, done.exception)
        return done.stdout

    return invoke


def document(run: Run, file: Path, *arguments: str) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(run("prove", "ktz", *arguments, partner=True))
    file.write_text(json.dumps(written), encoding="utf-8")
    return written


def keys(dsn: str) -> list[tuple[str, bool]]:
    """The ids of ktz's keys, and whether each is revoked."""
    with psycopg.connect(dsn) as session:
        return [(each.key_id, each.revoked_at is not None) for each in store.load(session).keys_of("ktz")]


def test_a_public_key_alone_is_refused(run: Run, dsn: str) -> None:
    for command in (("add", "ktz"), ("rotate", "ktz", "--old", "0" * 16)):
        failure = run(*command, "--public-key", "11" * 32)
        assert isinstance(failure, Failure)
        assert failure.code == Exit.USAGE
        assert "has to prove that it holds the private half" in str(failure)
    assert keys(dsn) == []


def test_a_partner_proves_and_the_operator_registers(run: Run, dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    first = document(run, file, "--source", "urn:cre:ktz", "--topic", "cre.railway.ktz.v1")
    again = document(run, tmp_path / "again.json")
    assert again["public_key"] == first["public_key"], "the profile is there now: the same key"
    assert f"key {first['key_id']} of ktz" in run("add", "ktz", "--proof", str(file))

    following = document(run, file, "--replace")
    assert (following["replaces"], following["replaced_signature"] is not None) == (first["key_id"], True)
    held = profile.load(tmp_path / "partner" / "next", "ktz")
    assert held.key.key_id == following["key_id"]
    assert held.salt_secret == profile.load(tmp_path / "partner", "ktz").salt_secret
    wrong = run("rotate", "ktz", "--old", "0" * 16, "--proof", str(file))
    assert "/replaces is" in str(wrong)
    assert following["key_id"] not in str(
        run("rotate", "ktz", "--old", first["key_id"], "--proof", str(tmp_path / "again.json"))
    )
    run("rotate", "ktz", "--old", first["key_id"], "--proof", str(file))
    assert {each for each, _ in keys(dsn)} == {first["key_id"], following["key_id"]}
    assert fsck(dsn, "demo").sound


def test_what_was_altered_on_the_way_is_refused(run: Run, dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    first = document(run, file, "--source", "urn:cre:ktz")
    for name, value, said in (
        ("network", "prod", "/network is 'prod'"),
        ("party", "rzd", "/party is 'rzd'"),
        ("purpose", "tokens", "/purpose is 'tokens'"),
        ("not_before", 5, "not a signature by the key"),
        ("public_key", "zz", "/public_key: "),
        ("signature", None, "/proof/signature: "),
    ):
        file.write_text(json.dumps({**first, name: value}), encoding="utf-8")
        failure = run("add", "ktz", "--proof", str(file))
        assert isinstance(failure, Failure)
        assert said in str(failure), failure
    file.write_text(json.dumps(first), encoding="utf-8")
    assert "/public_key is" in str(run("add", "ktz", "--proof", str(file), "--public-key", "11" * 32))
    assert keys(dsn) == []


def test_a_key_made_here_is_rotated_only_where_the_old_one_is(run: Run, dsn: str, tmp_path: Path) -> None:
    run("add", "ktz", "--new")
    ((first, _),) = keys(dsn)
    run("rotate", "ktz", "--old", first)
    assert len(keys(dsn)) == 2
    failure = run("rotate", "ktz", "--old", first)
    assert isinstance(failure, Failure)
    assert f"not {first}" in str(failure), "the profile holds the new one now"
    (tmp_path / "operator" / "ktz.toml").unlink()
    assert "no profile for 'ktz'" in str(run("rotate", "ktz", "--old", first))
    assert fsck(dsn, "demo").sound


def test_a_lost_key_is_revoked_and_another_added_in_its_place(run: Run, dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    old = document(run, file, "--source", "urn:cre:ktz")["key_id"]
    run("add", "ktz", "--proof", str(file))
    first = document(run, file, "--in-place-of", old)
    assert (first["replaces"], first["replaced_signature"]) == (old, None)
    assert "is not revoked" in str(run("add", "ktz", "--proof", str(file), "--in-place-of", old))
    run("revoke", old, "--compromised-since", "2026-01-01T00:00:00Z", "--cause", "lost")
    assert "/replaces is" in str(run("add", "ktz", "--proof", str(file))), (
        "it says what it comes in the place of"
    )
    run("add", "ktz", "--proof", str(file), "--in-place-of", old)
    assert dict(keys(dsn)) == {old: True, first["key_id"]: False}
    with psycopg.connect(dsn) as session:
        *_, last = store.history(session)
    assert isinstance(last.event, KeyAdded)
    assert last.event.in_place_of == old
    assert fsck(dsn, "demo").sound
