"""The prover's own parts, without any server: traps, journals, plans, shares, the report."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from services.cli.main import run
from services.producers.spool import Message
from services.testbed.chaos import publishers
from services.testbed.chaos.audit import States, Storage
from services.testbed.chaos.fault_injection import FaultInjector, FaultPoints
from services.testbed.chaos.kills import ORDER, REPLAY, Hit, PartitionPosition, moved, plan, point_of
from services.testbed.chaos.prove import problems, report
from services.testbed.chaos.publishers import divide, paced
from services.testbed.commands import proofs
from services.testbed.simulator.signed_messages import Outgoing


def stepping(folder: Path, points: str) -> int:
    """Let a process walk over ``points``; return how it ended."""
    code = (
        "import sys; from pathlib import Path; from services.testbed.chaos.fault_injection import FaultPoints\n"
        "fault_points = FaultPoints(Path(sys.argv[1]), 0)\n"
        "for point in sys.argv[2].split(): fault_points.reach(point)"
    )
    return subprocess.run([sys.executable, "-c", code, str(folder), points], check=False).returncode


def test_a_trap_springs_at_its_point_and_only_with_work_in_hand(tmp_path: Path) -> None:
    injector = FaultInjector(tmp_path)
    injector.set(0, "holding_heads", signal.SIGKILL)
    assert stepping(tmp_path, "holding_heads after_commit") == 0, "an idle tick is no work"
    assert not injector.fired(0)
    assert stepping(tmp_path, "after_fence holding_heads before_commit") == -signal.SIGKILL
    assert injector.fired(0)
    assert injector.inside(0) == "holding_heads"
    assert stepping(tmp_path, "after_fence holding_heads before_commit after_commit") == 0, "it springs once"
    assert injector.inside(0) == ""


def test_a_trap_after_the_commit_springs_after_it(tmp_path: Path) -> None:
    injector = FaultInjector(tmp_path)
    injector.set(0, "after_commit", signal.SIGKILL)
    assert stepping(tmp_path, "after_commit after_fence after_commit") == -signal.SIGKILL
    assert injector.inside(0) == ""


def test_an_abandoned_transaction_is_no_work(tmp_path: Path) -> None:
    fault_points = FaultPoints(tmp_path, 1)
    fault_points.reach("after_fence")
    assert FaultInjector(tmp_path).inside(1) == "after_fence"
    fault_points.abandon()
    assert FaultInjector(tmp_path).inside(1) == ""


def test_a_journal_knows_what_is_unknown_and_ignores_a_torn_line(tmp_path: Path) -> None:
    assert publishers.read(tmp_path, "p").acknowledged == frozenset()
    (tmp_path / "p.journal").write_bytes(b"t 0\nt 1\no 0\nt 2\nt 1\no 1")
    read = publishers.read(tmp_path, "p")
    assert read.acknowledged == {0}
    assert read.unknown == {1, 2}
    assert read.attempts == 4


def out(party: str, number: int) -> Outgoing:
    return Outgoing(party, Message(b"", b"", "topic", b"", (), b"%d" % number))


def test_each_party_publishes_through_one_publisher_in_its_order() -> None:
    every = [out(party, number) for number in range(40) for party in ("a", "b", "c", "d")[: 1 + number % 4]]
    shares = divide(every, 2)
    assert sorted(o.message.value + o.party.encode() for share in shares.values() for o in share) == sorted(
        o.message.value + o.party.encode() for o in every
    )
    for party in "abcd":
        holding = [share for share in shares.values() if any(o.party == party for o in share)]
        assert len(holding) == 1
        assert [o for o in holding[0] if o.party == party] == [o for o in every if o.party == party]


def test_new_messages_are_made_to_last_for_all_attacks() -> None:
    assert paced(60_000, 300.0, 200.0) == 200.0
    assert paced(30_000, 300.0, 200.0) == 100.0, "a slow machine: attacks take longer than was thought"
    assert paced(0, 300.0, 200.0) == 20.0
    assert paced(0, 300.0, 5.0) == 5.0
    assert paced(30_000, 0.0, 200.0) == 200.0, "nothing is known yet"


def test_a_plan_makes_every_kind_of_attack_and_is_seeded() -> None:
    assert plan(40, Random(3)) == plan(40, Random(3)) != plan(40, Random(4))
    assert set(plan(60, Random(3))) == {*ORDER, REPLAY}
    assert set(plan(len(ORDER), Random(9))) == {*ORDER, REPLAY}, "each once where there are as many"
    assert plan(40, Random(3)).count(REPLAY) == 1
    assert sorted(plan(4, Random(1))) == sorted([*ORDER[:4], REPLAY])


def test_every_attack_is_counted_under_a_name_of_its_own() -> None:
    assert len({point_of(attack) for attack in ORDER}) == len(ORDER)
    assert (point_of("kill after_commit"), point_of("freeze broker")) == ("after_commit", "freeze_broker")


def test_progress_is_seen_per_partition() -> None:
    before = {("t", 0): PartitionPosition(5, "a"), ("t", 1): PartitionPosition(7, "b")}
    assert not moved(before, before)
    assert not moved(before, {("t", 0): PartitionPosition(4, "a")})
    assert moved(before, {("t", 0): PartitionPosition(5, "a"), ("t", 1): PartitionPosition(8, "c")})


def outcome(damage: str = "") -> dict[str, Any]:
    """The report of a small run that went well, but for one damage."""
    storage = Storage(
        10,
        12,
        9,
        lost=int(damage == "lost"),
        duplicated=int(damage == "duplicated"),
        invented=int(damage == "invented"),
        letters={},
        letters_expected={},
    )
    states = States(3, int(damage == "wrong_states"), ())
    hits = [Hit("kill", "after_fence", 2.0), Hit("kill", "after_fence", 4.0), Hit("broker", "broker", 9.0)]
    frozen = Hit("freeze", "freeze_random", 0.2, standstill=0.4, adopted=6.5, waited_for=True)
    asked = ["kill after_fence", "broker", "replay", "kill after_fence", "freeze random"]
    replays: list[dict[str, object]] = [{"differences": int(damage == "different replay")}]
    return report(
        hits if damage == "attack not made" else [*hits, frozen],
        storage,
        states,
        1,
        asked,
        fsck_findings=int(damage == "fsck_findings"),
        replays=[{"failed": "why"}] if damage == "failed replay" else replays * (damage != "no replay"),
        worker_ends={"SIGKILL": 2, **({"STUCK": 1} if damage == "stuck" else {})},
        halted=["nothing moved"] if damage == "halted" else [],
    )


def test_a_report_without_any_damage_is_good() -> None:
    whole = outcome()
    assert whole["problems"] == []
    assert not problems(whole)
    assert whole["recovery_seconds"] == {"median": 3.0, "max": 4.0}
    assert whole["takeover_seconds"] == {"median": 0.4, "max": 0.4}
    assert whole["adoption_seconds"] == {"median": 6.5, "max": 6.5}
    assert whole["freezes_waited_for"] == 1
    assert whole["kills_by_point"] == {"after_fence": 2, "broker": 1, "freeze_random": 1}
    assert whole["kills_by_point"] == whole["asked_by_point"]


DAMAGES = {
    "lost": "1 acknowledged messages are lost",
    "duplicated": "applied more than once",
    "invented": "never published",
    "wrong_states": "shown wrongly",
    "fsck_findings": "1 findings of fsck",
    "different replay": "1 differences",
    "failed replay": "failed: why",
    "no replay": "0 replays were made of 1",
    "attack not made": "freeze_random: 0 attacks hit of 1",
    "stuck": "1 workers ended themselves",
    "halted": "cut short: nothing moved",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_makes_a_report_bad_and_says_so(damage: str) -> None:
    harmed = outcome(damage)
    assert problems(harmed)
    [problem] = harmed["problems"]
    assert DAMAGES[damage] in problem


@pytest.mark.parametrize(("damage", "code"), [("", 0), *((damage, 1) for damage in DAMAGES)])
def test_the_command_ends_by_the_report(
    damage: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole judgement decides, and whoever scripts it reads the same JSON either way."""
    monkeypatch.setattr(proofs, "attack", lambda *_, **__: outcome(damage))
    monkeypatch.setattr("sys.argv", ["lianyun", "prove", "--kills", "4", "--json"])
    with pytest.raises(SystemExit) as ended:
        run()
    assert (ended.value.code or 0) == code
    printed = capsys.readouterr()
    assert json.loads(printed.out)["problems"] == outcome(damage)["problems"]
    assert ("does not hold" in printed.err) == bool(code)
    assert DAMAGES.get(damage, "") in printed.err
