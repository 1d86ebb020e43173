"""`lianyun bank`: an operator prepares the desk, and a bank's people lend from the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.exits import Exit, Failure
from services.cli.main import app
from services.financing.store.keys import read_keys
from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.integration.api.test_banking import INVOICE, A, B
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import Stored, checked, events_of, register
from tests.support.financing.stories import Case, cases, micros

pytestmark = pytest.mark.integration
CASE: Case = next(case for case in cases() if case.slug.startswith("02_"))
Run = Callable[..., tuple[int, str]]


def run(*arguments: str) -> tuple[int, str]:
    """Run the command; its exit code, and what it printed or said was wrong."""
    result = CliRunner().invoke(app, ["bank", *arguments])
    if isinstance(result.exception, Failure):
        return int(result.exception.code), f"{result.exception.problem} {result.exception.suggestion}"
    return result.exit_code, result.output


def test_a_bank_lends_from_the_terminal(
    postgres: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = migrated_database(postgres, "bank_command")
    keys = tmp_path / "own-keys.json"
    monkeypatch.setenv("LIANYUN_DSN", dsn)
    monkeypatch.setenv("LIANYUN_FINANCING_KEYS", str(keys))
    stored = Stored(dsn, [event for event in events_of(CASE) if event[1].short != "delivered"])
    register(stored.session, CASE.story, platform=False)
    stored.session.commit()
    stored.hear(micros("2026-12-31T00:00Z"))
    stored.close()

    code, text = run("prepare")
    assert (code, text.count("\n")) == (0, 3), text
    assert keys.stat().st_mode & 0o777 == 0o600
    assert run("prepare") == (0, "nothing was to be done\n")
    assert len(read_keys(keys).registry_keys) == 1

    with RunningApi(dsn, tmp_path, {"financing_keys": keys}) as api:
        for bank in ("abank", "bbank"):
            api.register(bank, bank)
            (tmp_path / f"{bank}.json").write_text(json.dumps(api.key(bank).as_dict(private=True)))

        def as_bank(bank: str, *arguments: str) -> tuple[int, str]:
            return run(
                *arguments, "--client", bank, "--key", str(tmp_path / f"{bank}.json"), "--url", api.url
            )

        for name, asked in (("a", {**A, "reference": "LN-1"}), ("b", {**B, "reference": "RF-1"})):
            (tmp_path / f"{name}.json").write_text(json.dumps(asked))
        invoice = {k: v for k, v in A.items() if k != "papers"} | {"invoice": INVOICE}
        (tmp_path / "invoice.json").write_text(json.dumps(invoice))

        code, text = as_bank("abank", "check", str(tmp_path / "invoice.json"))
        assert code == 0
        assert "nothing" in text
        code, text = as_bank("abank", "reserve", str(tmp_path / "a.json"), "--json")
        assert (code, json.loads(text)["outcome"]) == (0, "DONE")
        code, text = as_bank("bbank", "reserve", str(tmp_path / "b.json"))
        assert code == Exit.FAILED
        assert "INTEREST_FREE" in text
        assert "abank" not in text
        assert as_bank("abank", "do", "pledge", "LN-1")[0] == 0
        assert as_bank("abank", "do", "draw", "LN-1", "--amount", "100 CNY")[0] == 0
        assert as_bank("abank", "do", "draw", "LN-1", "--amount", "much")[0] == Exit.USAGE
        code, text = as_bank("abank", "do", "release", "LN-1")
        assert (code, "NOTHING_OUTSTANDING" in text) == (Exit.FAILED, True)
        code, text = as_bank("abank", "status", "LN-1")
        assert code == 0
        assert "abank/LN-1  DRAWN" in text
        code, text = as_bank("abank", "status", "--container", "CSQU3054383", "--json")
        assert json.loads(text)["status"]["financings"][0]["financing"] == "abank/LN-1"
        assert as_bank("bbank", "status", "LN-1")[0] == Exit.NOT_FOUND
        for other in ("LN%2D1", "LN-1?x", "LN-1/history", "./LN-1"):
            assert as_bank("abank", "status", other)[0] == Exit.NOT_FOUND, (
                "a reference is taken as it is written"
            )
        assert as_bank("abank", "status", "LN-1", "--signed")[1].count(".") == 2
        code, text = as_bank("abank", "portfolio")
        assert "abank/LN-1" in text
        code, text = as_bank("abank", "alerts", "--json")
        assert code == Exit.FINDINGS
        alert = json.loads(text)["alerts"][0]
        assert as_bank("abank", "ack", "LN-1", alert["id"], "--remark", "called the shipper")[0] == 0
        kept = json.loads(as_bank("abank", "alerts", "LN-1", "--all", "--json")[1])["alerts"]
        assert (
            next(a for a in kept if a["id"] == alert["id"])["acknowledged"]["remark"] == "called the shipper"
        )
        assert as_bank("bbank", "ack", "LN-1", alert["id"])[0] == Exit.NOT_FOUND
        assert "PLEDGE" in as_bank("abank", "history", "LN-1")[1]
        assert "10. From where on" in as_bank("abank", "answer", "LN-1")[1]

        assert run("rotate-key") == (0, f"{keys} holds 2 registry keys; start the API again\n")
        assert run("rotate-key", "--begin")[0] == 0
        code, text = as_bank("bbank", "reserve", str(tmp_path / "b.json"))
        assert (code, "is missing" in text) == (Exit.FAILED, True), "without the new key nothing is decided"
    with RunningApi(dsn, tmp_path, {"financing_keys": keys}) as api:
        code, text = run(
            "reserve", str(tmp_path / "b.json"), "--client", "bbank", "--key", str(tmp_path / "bbank.json"), "--url", api.url
        )  # fmt: skip
        assert code == Exit.FAILED
        assert "INTEREST_FREE" in text, "what was reserved under the old key is found"
        abank = ("--client", "abank", "--key", str(tmp_path / "abank.json"), "--url", api.url)
        code, text = run("do", "release", "LN-1", "--waive", "OTHER", *abank)
        assert (code, "waived (OTHER): " in text) == (0, True), text
        assert "waived: OTHER" in run("history", "LN-1", *abank)[1]
    assert run("rotate-key", "--close", "1")[0] == 0
    assert run("rotate-key", "--close", "1")[0] == Exit.NOT_FOUND
    with open_session(dsn) as session:
        assert checked(session).findings == ()
