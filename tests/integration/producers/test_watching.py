"""A watched folder in daily use: files arrive, the broker comes and goes, the process is killed at any point."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.producers.folder_watch import FolderWatch, Inbox, WatchOptions
from services.producers.formats.native_lines import NATIVE
from services.producers.outcomes import FileOutcome, RecordStatus
from services.producers.profile import Profile
from services.producers.spool import Spool, status
from services.testbed.localstack.engine import BrokerAddress
from tests.support.producers.condition import until
from tests.support.producers.gate_list import GATE_LIST, gate_list
from tests.support.producers.killed import POINTS, folder_of
from tests.support.producers.log import stored
from tests.support.producers.partner import departed, lines, on_clock, partner, write

pytestmark = pytest.mark.integration

NOWHERE = "127.0.0.1:9"


class Heard:
    """Remembers what the watch told."""

    def __init__(self) -> None:
        self.files: dict[str, FileOutcome] = {}
        self.brokers: list[str] = []
        self.busies = 0

    def archived(self, outcome: FileOutcome, target: Path) -> None:
        self.files[f"{target.parent.name}/{target.name}"] = outcome

    def broker(self, problem: str, waiting: int) -> None:
        self.brokers.append(f"{'away' if problem else 'back'} {waiting}")

    def busy(self, problem: str) -> None:
        assert problem
        self.busies += 1


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.producers.publisher._LEAST_PATIENCE", 0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "inbox"
    path.mkdir()
    return path


def rounds(
    folder: Path, profile: Profile, bootstrap: str, count: int = 3, grace: float = 60.0, **how: Any
) -> Heard:
    """So many rounds of a watch whose files need not lie still."""
    heard = Heard()
    with Inbox(folder, 0.0, grace) as inbox:
        spool = folder.parent / "spool"
        manner = WatchOptions(patience=0.1, **how)
        watch = FolderWatch(inbox, profile, spool, bootstrap, heard, manner, (NATIVE, GATE_LIST))
        for _ in range(count):
            watch.round()
    return heard


def test_good_files_are_done_and_bad_ones_failed_each_with_its_outcome(
    broker: BrokerAddress, profile: Profile, folder: Path
) -> None:
    who = partner(profile.topic, on_clock())
    write(folder / "good.jsonl", departed("a"), departed("b"))
    (folder / "gate.csv").write_bytes(
        gate_list(7, "CSQU3054383;2025-09-12T08:00;esr:708403", "MSKU0000006;;esr:708403")
    )
    (folder / "letter.txt").write_text("Dear Sirs,\n")
    (folder / "half.jsonl").write_bytes(lines(departed("c"), departed("d"))[:-40])
    heard = rounds(folder, who, broker.bootstrap)
    assert set(heard.files) == {"done/good.jsonl", "failed/gate.csv"}  # the others may still be on their way
    heard = rounds(folder, who, broker.bootstrap, grace=0.0)
    assert set(heard.files) == {"failed/letter.txt", "failed/half.jsonl"}
    assert stored(broker.bootstrap, profile.topic) == {"a": 1, "b": 1, "gate-7-CSQU3054383": 1}
    report = json.loads((folder / "failed" / "gate.csv.outcome.json").read_text())
    assert [(each["row"], each["column"], each["outcome"]) for each in report["records"]] == [
        (3, "", "published"),
        (4, "B", "refused"),
    ]
    assert json.loads((folder / "failed" / "letter.txt.outcome.json").read_text())["refusal"]["remedy"]


def test_a_file_waits_in_the_folder_until_the_broker_has_all_of_it(
    broker: BrokerAddress, profile: Profile, folder: Path
) -> None:
    write(folder / "a.jsonl", departed("a"))
    assert rounds(folder, profile, NOWHERE, 1).brokers == ["away 1"]
    assert [path.name for path in folder.glob("*.jsonl")] == ["a.jsonl"]
    write(folder / "b.jsonl", departed("b"))
    assert rounds(folder, profile, NOWHERE, 1).brokers == ["away 2"]
    heard = rounds(folder, profile, broker.bootstrap, 1)
    assert heard.files["done/a.jsonl"].counts == {RecordStatus.ALREADY: 1}
    assert stored(broker.bootstrap, profile.topic) == {"a": 1, "b": 1}


def test_a_file_that_is_replaced_while_it_waits_is_read_anew(
    broker: BrokerAddress, profile: Profile, folder: Path
) -> None:
    heard = Heard()
    write(folder / "a.jsonl", departed("a"))
    with Inbox(folder, 0.0, 60.0) as inbox:
        spool = folder.parent / "spool"
        watch = FolderWatch(inbox, profile, spool, NOWHERE, heard, WatchOptions(patience=0.1))
        watch.round()
        write(folder / "a.jsonl", departed("a"), departed("b"))
        watch._bootstrap = broker.bootstrap
        for _ in range(2):
            watch.round()
    assert heard.files["done/a.jsonl"].counts == {RecordStatus.ALREADY: 1, RecordStatus.PUBLISHED: 1}
    assert heard.brokers == ["away 1", "back 0"]


def test_a_file_that_waited_for_the_broker_is_told_as_published(
    broker: BrokerAddress, profile: Profile, folder: Path
) -> None:
    heard = Heard()
    write(folder / "a.jsonl", departed("a"))
    with Inbox(folder, 0.0, 60.0) as inbox:
        watch = FolderWatch(
            inbox, profile, folder.parent / "spool", NOWHERE, heard, WatchOptions(patience=0.1)
        )
        watch.round()
        watch._bootstrap = broker.bootstrap
        watch.round()
    assert heard.files["done/a.jsonl"].counts == {RecordStatus.PUBLISHED: 1}


def test_a_person_may_publish_beside_the_watch(profile: Profile, folder: Path) -> None:
    write(folder / "a.jsonl", departed("a"))
    with Spool(folder.parent / "spool"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.producers.folder_watch._SPOOL_PATIENCE", 0.1)
        heard = rounds(folder, profile, NOWHERE, 1)
    assert (heard.busies, heard.files) == (1, {})


@pytest.mark.chaos
def test_killed_at_every_point_it_resumes_without_loss_or_repetition(
    broker: BrokerAddress, profile: Profile, tmp_path: Path, environment: dict[str, str]
) -> None:
    for point in POINTS:
        folder_of(tmp_path, point).mkdir(parents=True)
        profile.save(folder_of(tmp_path, point).parent)
        write(folder_of(tmp_path, point) / "a.jsonl", *(departed(f"{point} {n}") for n in range(20)))
    command = [sys.executable, "-m", "tests.support.producers.killed", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {point: [-signal.SIGKILL, 0] for point in POINTS}, done.stderr
    found = stored(broker.bootstrap, profile.topic)
    for point in POINTS:
        times = 2 if point == "before the acknowledgement" else 1  # the same bytes once more
        assert {found.pop(f"{point} {n}") for n in range(20)} == {times}, point
        folder = folder_of(tmp_path, point)
        names = sorted(path.name for path in (folder / "done").iterdir())
        assert names == ["a.jsonl", "a.jsonl.outcome.json"], point
        assert not list(folder.glob("*.jsonl")), point
        spool = status(folder.parent / "ktz.spool")
        assert (spool.waiting, spool.acknowledged) == (0, 20), point
    assert not found


@pytest.mark.long
@pytest.mark.chaos
def test_killed_again_and_again_while_files_arrive_and_stopped_in_order(
    broker: BrokerAddress, profile: Profile, folder: Path, environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "services.cli", "publish", "--as", "ktz", "--watch", str(folder)]
    command += ["--settle", "0.05"]
    dice = random.Random(4)
    sent: set[str] = set()

    def drop(number: int) -> None:
        for part in range(4):
            ids = [f"{number}-{part}-{n}" for n in range(80)]
            write(folder.parent / "half", *(departed(each) for each in ids)).rename(
                folder / f"{number}-{part}.jsonl"
            )
            sent.update(ids)

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    for number in range(2):
        process = start()
        drop(number)
        until(lambda: len(list((folder / "done").glob("*.jsonl"))) > 4 * number, "file that is done")  # noqa: B023
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(dice.random() * 0.2)
        process.kill()
        process.communicate()
    process = start()
    drop(2)
    until(lambda: len(list((folder / "done").glob("*.jsonl"))) == 12, "end of the files")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "stopped;" in err
    found = stored(broker.bootstrap, profile.topic)
    assert set(found) == sent
    assert len(list((folder / "done").glob("*.outcome.json"))) == 12
    assert not list(folder.glob("*.jsonl"))
