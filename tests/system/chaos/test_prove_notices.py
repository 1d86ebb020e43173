"""The judgement of a proof is no formality: harm done to the database before it is seen, each kind in its own count."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from typing import Any

import psycopg
import pytest

from services.cli.main import run
from services.testbed.chaos.prove import problems, prove
from services.testbed.commands import proofs
from services.testbed.simulator.simulate import Scale

pytestmark = [pytest.mark.long, pytest.mark.chaos, pytest.mark.timeout(300)]


def spoil(dsn: str) -> None:
    """Lose an event, store one twice, and forget which box a wagon carried."""
    with psycopg.connect(dsn) as connection:
        connection.execute("DELETE FROM lianyun.identity WHERE no = (SELECT min(no) FROM lianyun.identity)")
        connection.execute(
            'INSERT INTO lianyun.body SELECT no + 1, appended, "offset", key_id, id, content, registry, rules, topic,'
            " part, headers, payload FROM lianyun.body WHERE no = (SELECT max(no) FROM lianyun.body)"
        )
        connection.execute("DELETE FROM g1.link WHERE kind = 1")


@pytest.fixture(scope="module")
def printed() -> tuple[int, str]:
    """The command on a real platform to which that harm is done: its exit code, and what it printed."""
    scale = Scale(seed=3, trains=4, boxes=6, false_reports=3)
    harmed = partial(prove, attacks=(), pace=1_000.0, scale=scale, cargoes=4, damage=spoil)
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr(proofs, "attack", harmed)
        patch.setattr("sys.argv", ["lianyun", "prove", "--kills", "1", "--workers", "1", "--json"])
        with pytest.raises(SystemExit) as ended:
            run()
    return int(ended.value.code or 0), said.getvalue()


@pytest.fixture(scope="module")
def outcome(printed: tuple[int, str]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(printed[1])
    return read


def test_the_command_fails(printed: tuple[int, str]) -> None:
    assert printed[0] == 1


def test_each_kind_of_harm_is_counted(outcome: dict[str, Any]) -> None:
    assert outcome["lost"] == 1
    assert outcome["duplicated"] == 1
    assert outcome["wrong_states"] > 5
    assert outcome["fsck_findings"] > 0
    assert outcome["wrong_examples"]
    assert problems(outcome)


def test_each_kind_of_harm_is_named_among_the_problems(outcome: dict[str, Any]) -> None:
    named = "; ".join(outcome["problems"])
    assert all(words in named for words in ("lost", "more than once", "wrongly", "fsck"))
