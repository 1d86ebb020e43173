"""The demo and its dares as a newcomer runs them, on the smallest world: real broker, workers and database."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.audit.report import Finding
from services.testbed.demo import drills
from services.testbed.demo.drills import Change
from services.testbed.simulator.simulate import Scale
from tests.support.terminal.screen import Terminal, run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


@dataclass(frozen=True)
class Played:
    """What `lianyun demo --scenario tiny --json` printed, and the terminal on which it drew its picture."""

    outcome: dict[str, Any]
    terminal: Terminal
    pictures: frozenset[str]
    svg: Path


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    svg = tmp_path_factory.mktemp("demo") / "moving.svg"
    command = (
        sys.executable,
        "-m",
        "services.cli",
        "demo",
        "--scenario",
        "tiny",
        "--json",
        "--picture",
        str(svg),
    )
    seen: set[str] = set()

    def look(terminal: Terminal) -> None:
        shown = [line for line in terminal.lines if line.startswith("SIMULATED")]
        assert len(shown) <= 1, "a picture was left behind by the next one"
        seen.update(shown)

    terminal, out, code = run(command, 80, 24, look)
    assert code == 0, f"{out}\n{terminal.above}\n{terminal.lines}"
    return Played(json.loads(out), terminal, frozenset(seen), svg)


@pytest.fixture(scope="module")
def outcome(played: Played) -> dict[str, Any]:
    return played.outcome


@pytest.mark.long
def test_the_picture_lives_on_a_terminal_of_eighty_columns(played: Played) -> None:
    lines = [*played.terminal.above, *played.terminal.lines]
    assert "GB of memory" in lines[0], "what it takes comes first"
    assert "MB of disk" in lines[0]
    assert "minutes" in f"{lines[0]}{lines[1]}"
    assert "simulated" in f"{lines[0]}{lines[1]}"
    assert len(played.pictures) > 1, "it did not move"
    drawn = [line for line in lines if line.startswith("  •─")]
    assert [line for line in drawn if re.fullmatch(r"  [•─|╳‖]+", line)] == drawn
    assert not [line for line in played.terminal.wrapped if re.match(r"SIMULATED|[◄►] |  •|published", line)]
    assert "SIMULATED" in played.svg.read_text()
    assert played.svg.stat().st_size < 300_000


@pytest.mark.long
def test_the_demo_prints_what_it_promises(outcome: dict[str, Any]) -> None:
    assert outcome["simulated"] is True
    assert (outcome["trains"], outcome["containers"]) == (8, 48)
    assert outcome["consignments"] > 20
    assert outcome["seconds"] > 0
    events = outcome["events"]
    assert {"published", "accepted", "duplicates", "parked", "equivocations", "dead_letters"} <= events.keys()
    stored = events["accepted"] + events["equivocations"]
    assert events["published"] == stored + events["duplicates"] + events["refused"]
    assert events["duplicates"] > 50
    assert len(events["dead_letters"]) >= 10
    assert outcome["disputed"] > 0
    assert re.fullmatch("[0-9a-f]{64}", outcome["digest"])


@pytest.mark.long
def test_every_view_is_as_the_world_knows_it_and_every_byte_checks(outcome: dict[str, Any]) -> None:
    assert outcome["world_mismatches"] == 0
    assert outcome["fsck"] == "ok"


@pytest.mark.long
def test_spreadsheets_are_among_what_was_published(outcome: dict[str, Any]) -> None:
    assert outcome["lists"]["files"] > 3
    assert outcome["lists"]["rows"] > 10


@pytest.mark.long
def test_partners_files_of_every_format_were_read_and_published(outcome: dict[str, Any]) -> None:
    formats = outcome["formats"]
    assert set(formats) == {
        "booking_list", "border_handover", "consist_cn", "dcsa", "departure_list", "eaeu_receipts", "gacc_receipts",
        "loading_list", "natural_list", "ncts", "taf", "train_plan",
    }  # fmt: skip
    assert all(each["files"] and each["events"] == sum(each["types"].values()) for each in formats.values())
    assert outcome["lists"]["files"] == sum(each["files"] for each in formats.values())
    assert 0.1 < outcome["lists"]["rows"] / outcome["events"]["published"] < 0.25
    assert formats["taf"]["types"]["movement.departed"] > 2
    assert formats["ncts"]["types"]["customs.transit_opened"] > 1


@pytest.mark.long
def test_a_bank_reads_three_shippers_by_their_consent(outcome: dict[str, Any]) -> None:
    credit = outcome["credit"]
    assert credit["good"]["assessment"]["status"] == credit["bad"]["assessment"]["status"] == "SCORED"
    assert credit["good"]["assessment"]["score"] > credit["bad"]["assessment"]["score"] + 100
    assert credit["thin_file"]["assessment"]["status"] == "INSUFFICIENT_DATA"
    assert credit["thin_file"]["assessment"]["score"] is None
    worst = credit["bad"]["assessment"]["reasons"][0]
    assert worst["events"]
    assert all(event["id"] for event in worst["events"])
    assert not any(each["read_without_consent"] for each in credit.values())


@pytest.mark.long
def test_on_a_terminal_it_ends_with_the_line_playing_until_ctrl_c() -> None:
    leader, follower = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    demo = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "demo", "--scenario", "tiny"],
        stdin=follower,
        stdout=follower,
        stderr=subprocess.STDOUT,
        env={**plain, "TERM": "dumb"},
    )
    os.close(follower)
    shown = b""
    try:
        while b"Ctrl-C ends the demo" not in shown:
            shown += os.read(leader, 65_536)
        (address,) = re.findall(rb"The line plays at (http://127\.0\.0\.1:\d+/line\?\S+)", shown)
        with urllib.request.urlopen(address.decode(), timeout=60) as answer:
            page = answer.read().decode()
        assert 'data-plays="1"' in page
        assert "Every train at this moment" in page, "all of it is simulated, so everybody sees every train"
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    finally:
        demo.kill()
        os.close(leader)


@pytest.mark.long
def test_a_killed_worker_loses_nothing() -> None:
    lines: list[str] = []
    killed = drills.kill(1, lines.append, Scale(seed=1, trains=3, boxes=12, false_reports=2))
    assert killed["held"], (killed["problems"], lines)
    assert killed["killed"]["hits"] == 1
    assert killed["worker_ends"]["SIGKILL"] >= 1
    before, dead, after = killed["ledger"]
    assert [at["when"] for at in killed["ledger"]] == ["before", "killed", "after"]
    assert before["applied"] <= dead["applied"] < after["applied"]
    assert after["epoch"] > before["epoch"] > 0
    assert killed["lost"] == killed["duplicated"] == killed["wrong_states"] == 0


@pytest.mark.long
def test_a_changed_row_is_named_with_its_publisher_and_field() -> None:
    told = drills.tamper(1, lambda _line: None)
    assert told["sound_before"]
    assert told["found"], told["findings"]
    claim, message = told["changed"]
    assert (claim["field"], message["field"]) == ("happened", "payload or headers")
    assert all(change["publisher"] and change["named"] for change in told["changed"])


def test_a_finding_about_another_row_publisher_or_field_is_not_taken_for_the_one() -> None:
    change = Change("event 12", "ktz", "payload or headers", "", "", "")

    def names(where: str, publisher: str = "ktz", field: str = "payload or headers") -> bool:
        return change.named_by(Finding("SIGNATURE", where, publisher, field, "", "", ""))  # type: ignore[arg-type]

    assert names("event 12 (cre.railway.ktz.v1[0]@3)")
    assert not names("event 123 (cre.railway.ktz.v1[0]@3)")
    assert not names("event 12 (x)", publisher="rzd")
    assert not names("event 12 (x)", field="signature")
