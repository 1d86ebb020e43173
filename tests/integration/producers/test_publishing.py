"""Publishing to a real broker: an outage, a kill and a repetition lose and repeat nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from schemas.signing import Scheme
from services.producers import publisher
from services.producers.folder_watch import FolderWatch, Inbox
from services.producers.intake import Intake
from services.producers.outcomes import FileOutcome, RecordStatus, settle
from services.producers.profile import Profile, create
from services.producers.publisher import BrokerUnreachable, MessageRefused
from services.producers.spool import Spool
from services.testbed.localstack.engine import BrokerAddress
from tests.support import launcher
from tests.support.producers.log import stored
from tests.support.producers.partner import departed, write

pytestmark = pytest.mark.integration


def records(path: Path, count: int) -> Path:
    return write(path, *(departed(f"dep-{n}") for n in range(count)))


def test_a_file_arrives_whole_and_a_second_run_sends_nothing(
    broker: BrokerAddress, profile: Profile, tmp_path: Path
) -> None:
    file = records(tmp_path / "r.jsonl", 700)
    for fate in (RecordStatus.PUBLISHED, RecordStatus.ALREADY):
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
        with pytest.raises(BrokerUnreachable):
            publisher.drain(spool, "127.0.0.1:9", patience=0.1)
        settle([outcome], spool)
        assert spool.counts() == (3, 0)
    assert outcome.counts == {RecordStatus.WAITING: 3}


@pytest.mark.long
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


def lianyun(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; one that waited for its whole patience would not end here."""
    return launcher.lianyun("publish", "--as", "ktz", *words, env=environment, timeout=180)


def elsewhere(profile: Profile, folder: Path, broker: BrokerAddress, topic: str) -> dict[str, str]:
    replace(profile, topic=topic).save(folder)
    return {**os.environ, "LIANYUN_BOOTSTRAP": broker.bootstrap, "LIANYUN_PARTNERS": str(folder)}


def made(broker: BrokerAddress, topic: str, **config: str) -> str:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1, topic_configs=config)])
    admin.close()
    return topic


@pytest.mark.long
def test_a_topic_that_does_not_exist_is_named_at_once_and_the_events_wait(
    broker: BrokerAddress, profile: Profile, tmp_path: Path
) -> None:
    file = str(records(tmp_path / "r.jsonl", 3))
    missing = profile.topic.removesuffix(".v1") + "x.v1"
    environment = elsewhere(profile, tmp_path, broker, missing)
    done = lianyun(environment, "--patience", "3600", file)
    assert done.returncode == 5, done.stderr
    assert f"there is no topic {missing} at {broker.bootstrap}; there is {profile.topic}" in done.stderr
    assert "safe in the spool" in done.stderr
    assert (
        "to do: the operator makes it: lianyun partner add ktz; or set `topic` in the profile" in done.stderr
    )
    made(broker, missing)
    again = lianyun(environment, "--json", file)
    assert (again.returncode, json.loads(again.stdout)["acknowledged"]) == (0, 3), again.stderr
    assert stored(broker.bootstrap, missing) == {f"dep-{n}": 1 for n in range(3)}


@pytest.mark.long
def test_what_waits_follows_the_topic_of_the_profile(
    broker: BrokerAddress, profile: Profile, tmp_path: Path
) -> None:
    file = str(records(tmp_path / "r.jsonl", 3))
    missing = f"{profile.topic}.wrong"
    refused = lianyun(elsewhere(profile, tmp_path, broker, missing), file)
    assert refused.returncode == 5, refused.stderr
    mended = lianyun(elsewhere(profile, tmp_path, broker, profile.topic), "--json", file)
    assert (mended.returncode, json.loads(mended.stdout)["acknowledged"]) == (0, 3), mended.stderr
    assert f"3 events that wait go to {profile.topic} now" in mended.stderr
    assert stored(broker.bootstrap, profile.topic) == {f"dep-{n}": 1 for n in range(3)}


@pytest.mark.long  # the client waits for the topic again and again
def test_what_is_for_another_topic_goes_out_and_what_is_refused_is_named(
    broker: BrokerAddress, profile: Profile, tmp_path: Path
) -> None:
    small = made(broker, f"{profile.topic}.small", **{"max.message.bytes": "4000"})
    nowhere = f"{profile.topic}.nowhere"
    boxes = [{"kind": "container", "id": f"CSQU{n:07}"} for n in range(200)]
    large = write(tmp_path / "l.jsonl", departed("large", objects=boxes), departed("little"))
    with Spool(tmp_path / "spool") as spool:
        for topic, file in (
            (nowhere, records(tmp_path / "n", 2)),
            (small, large),
            (profile.topic, records(tmp_path / "r", 5)),
        ):
            other = replace(profile, topic=topic, source=f"urn:cre:{topic}")
            Intake(other, spool).path(file)
        with pytest.raises(MessageRefused) as refused:
            publisher.drain(spool, broker.bootstrap, patience=3_600)
        assert spool.counts() == (3, 6)
    assert (refused.value.topic, refused.value.missing) == (small, False)
    assert "the event large is larger than the broker takes" in str(refused.value)
    assert stored(broker.bootstrap, profile.topic) == {f"dep-{n}": 1 for n in range(5)}
    assert stored(broker.bootstrap, small) == {"little": 1}


@pytest.mark.long
def test_that_no_broker_answers_is_said_before_the_patience_ends(
    profile: Profile, broker: BrokerAddress, tmp_path: Path
) -> None:
    environment = elsewhere(profile, tmp_path, broker, profile.topic)
    environment["LIANYUN_BOOTSTRAP"] = "127.0.0.1:9"
    done = lianyun(environment, "--patience", "6", str(records(tmp_path / "r", 1)))
    assert done.returncode == 4
    first, *_ = done.stderr.splitlines()
    assert "no broker answered at 127.0.0.1:9 (127.0.0.1:9: [Errno 111] Connection refused)" in first
    assert "safe in the spool" in first
    assert "Trying for 6 s in all." in first


@pytest.mark.long
def test_a_watch_says_what_the_broker_refuses_and_goes_on(
    broker: BrokerAddress, profile: Profile, tmp_path: Path
) -> None:
    said: list[str] = []

    class Listening:
        def archived(self, outcome: FileOutcome, target: Path) -> None: ...

        def broker(self, problem: str, waiting: int) -> None:
            assert waiting >= 0
            said.append(problem)

        def busy(self, problem: str) -> None: ...

    missing = f"{profile.topic}.later"
    (tmp_path / "inbox").mkdir()
    records(tmp_path / "inbox" / "r.jsonl", 2)
    with Inbox(tmp_path / "inbox", 0.05, 0.05) as inbox:
        who = replace(profile, topic=missing)
        watch = FolderWatch(inbox, who, tmp_path / "spool", broker.bootstrap, Listening())
        end = time.monotonic() + 120
        while not said and time.monotonic() < end:
            watch.round()
            time.sleep(0.1)
        assert f"there is no topic {missing}" in said[0]
        assert "lianyun partner add" in said[0]
        made(broker, missing)
        while watch.waiting and time.monotonic() < end:
            watch.round()
            time.sleep(0.1)
    assert (said[1:], watch.acknowledged) == ([""], 2)
