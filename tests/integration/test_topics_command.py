"""`lianyun topics`, as an operator runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from services.cli.exits import Exit, Failure
from services.cli.topics import topics
from services.testbed.localstack import LocalStack

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    with LocalStack(postgres=False) as stack:
        yield stack.bootstrap


def test_plan_apply_plan(bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANYUN_BOOTSTRAP", bootstrap)
    run = CliRunner()
    before = run.invoke(topics, ["plan"])
    assert before.exit_code == Exit.FINDINGS
    assert "to do: create cre.gateway.v1 (8 partitions, 1 replicas)" in before.stdout
    applied = run.invoke(topics, ["apply"])
    assert applied.exit_code == Exit.OK
    assert applied.stdout == before.stdout.replace("to do: ", "done: ")
    after = run.invoke(topics, ["plan", "--json"])
    assert after.exit_code == Exit.OK
    assert json.loads(after.stdout)["actions"] == []


def test_access_rules_on_a_broker_without_authorizer_fail_with_the_reason(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANYUN_BOOTSTRAP", bootstrap)
    result = CliRunner().invoke(topics, ["plan", "--access"])
    assert isinstance(result.exception, Failure)
    assert result.exception.code == Exit.UNREACHABLE
    assert "authorizer" in str(result.exception).lower()


def test_no_broker_configured_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIANYUN_BOOTSTRAP", raising=False)
    monkeypatch.setattr("services.cli.settings._running", dict)
    result = CliRunner().invoke(topics, ["apply"])
    assert isinstance(result.exception, Failure)
    assert result.exception.code == Exit.USAGE


def test_acl_prints_one_command_per_rule() -> None:
    result = CliRunner().invoke(topics, ["acl"])
    assert result.exit_code == Exit.OK
    assert (
        "kafka-acls.sh --bootstrap-server $BOOTSTRAP --add --allow-principal User:ktz "
        "--operation Write --topic cre.railway.ktz.v1" in result.stdout.splitlines()
    )
