"""Publishing to a real broker: an outage, a kill and a repetition lose and repeat nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.signing import Scheme
from services.localstack.engine import BrokerAddress
from services.producers import publisher
from services.producers.intake import Intake
from services.producers.outcome import Fate
from services.producers.profile import Profile, create
from services.producers.settling import settle
from services.producers.spool import Spool
from tests.producing.log import stored
from tests.producing.partner import departed, write

pytestmark = pytest.mark.integration


def records(path: Path, count: int) -> Path:
    return write(path, *(departed(f"dep-{n}") for n in range(count)))


def test_a_file_arrives_whole_and_a_second_run_sends_nothing(
    broker: BrokerAddress, profile: Profile, tmp_path: Path
) -> None:
    file = records(tmp_path / "r.jsonl", 700)
    for fate in (Fate.PUBLISHED, Fate.ALREADY):
        with Spool(tmp_path / "spool") as spool:
            outcome = Intake(profile, spool).path(file)
            publisher.drain(spool, broker.bootstrap, patience=30)
            settle([outcome], spool)
        assert outcome.counts == {fate: 700}
    assert stored(broker.bootstrap, profile.topic) == {f"dep-{n}": 1 for n in range(700)}


def test_without_a_broker_everything_waits_in_the_spool(tmp_path: Path) -> None:
    profile = create("ktz", "urn:cre:ktz", "cre.railway.ktz.v1", "demo", Scheme.ED25519)
    with Spool(tmp_path / "spool") as spool:
        outcome = Intake(profile, spool).path(records(tmp_path / "r", 3))
        with pytest.raises(publisher.BrokerUnreachable):
            publisher.drain(spool, "127.0.0.1:9", patience=0.1)
        settle([outcome], spool)
        assert spool.counts() == (3, 0)
    assert outcome.counts == {Fate.WAITING: 3}


def test_killed_again_and_again_it_still_publishes_everything(
    broker: BrokerAddress, profile: Profile, tmp_path: Path
) -> None:
    file = records(tmp_path / "r.jsonl", 6_000)
    profile.save(tmp_path)
    command = [sys.executable, "-m", "services.cli", "publish", "--as", "ktz", "--json", str(file)]
    environment = {**os.environ, "LIANYUN_BOOTSTRAP": broker.bootstrap, "LIANYUN_PARTNERS": str(tmp_path)}
    kills = 0
    for delay in (0.9, 1.2, 1.5, 1.8):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        time.sleep(delay)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    done = subprocess.run(command, env=environment, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert kills, "no kill hit a busy publisher"
    assert set(stored(broker.bootstrap, profile.topic)) == {f"dep-{n}" for n in range(6_000)}
