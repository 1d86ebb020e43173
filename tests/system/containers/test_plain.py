"""The plain profile, run: the simulated world, a partner's events and a bank from outside, a worker killed and replaced."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.ledger.storage.migration import migrations
from services.testbed.bench.world import box
from tests.support.terminal.user import BOX, User, departed, opened, subprocess_safe
from tests.system.containers import bank, engine, metrics
from tests.system.containers.conftest import MARK
from tests.system.containers.deployment import Deployment, until

pytestmark = pytest.mark.containers
JOBS = {"topics", "migrate", "prepare", "log"}
DASHBOARDS = Path(__file__).resolve().parents[3] / "ops" / "dashboards"


@pytest.fixture(scope="module")
def plain(settings: dict[str, str]) -> Iterator[Deployment]:
    deployment = Deployment(f"{MARK}-plain", "demo", settings)
    try:
        deployment.up()
        yield deployment
    finally:
        deployment.down()
    assert deployment.left() == []


@pytest.fixture(scope="module")
def played(plain: Deployment) -> dict[str, Any]:
    """What the `demo` service found: the smallest world, published and compared from inside a container."""
    arguments = (
        "run",
        "--rm",
        "--no-deps",
        "-T",
        "demo",
        "demo",
        "--running",
        "--scenario",
        "tiny",
        "--json",
    )
    found: dict[str, Any] = json.loads(
        plain.compose(*arguments, patience=570)
    )  # a minute, on a machine with nothing else to do
    return found


@pytest.fixture(scope="module")
def user(plain: Deployment, played: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> User:
    """An operator and a partner on this machine, outside the containers; the demo has been played."""
    del played
    user = User(
        tmp_path_factory.mktemp("plain"),
        {
            "LIANYUN_BOOTSTRAP": f"localhost:{plain.port('KAFKA')}",
            "LIANYUN_DSN": f"postgresql://lianyun_owner@localhost:{plain.port('POSTGRES')}/lianyun",
        },
    )
    source = ("--source", "urn:test:outside")
    user.run("party", "add", "outside", "--name", "Outside", "--role", "operator", *source)
    user.run("key", "add", "outside", "--new")
    return user


def slots(user: User) -> dict[str, int]:
    with psycopg.connect(user.environment["LIANYUN_DSN"]) as connection:
        query = "SELECT owner, slot FROM lianyun.worker_slot WHERE leased_until > clock_timestamp()"
        return dict(connection.execute(query).fetchall())


def applied(user: User) -> int:
    """How many events are stored, each once."""
    with psycopg.connect(user.environment["LIANYUN_DSN"]) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM lianyun.identity").fetchall()
    return int(count)


def publish(user: User, first: int, count: int) -> None:
    """Publish the departures of ``count`` containers, which are spread over all partitions."""
    at = "2025-09-05T10:00:00+08:00"
    records = (departed(f"b{n}", at, "railnet:lanzhou", box(n)) for n in range(first, first + count))
    report = user.json("publish", "--as", "outside", user.write(f"{first}.jsonl", *records))
    assert (report["acknowledged"], report["waiting"]) == (count, 0)


def test_every_service_is_healthy_and_jobs_are_done(plain: Deployment) -> None:
    found = plain.containers()
    running = {
        "kafka",
        "postgres",
        "worker-1",
        "worker-2",
        "credit",
        "cases",
        "exporter",
        "api",
        "webhooks",
        "notifications",
        "transparency",
        "transparency-server",
        "exchange",
    }
    assert running | JOBS <= found.keys()
    for name, container in found.items():
        state = container["State"]
        if name in JOBS:
            assert (state["Status"], state["ExitCode"]) == ("exited", 0), name
        else:
            assert state["Health"]["Status"] == "healthy", name


def test_sessions_outlive_the_orphan_of_a_health_check(plain: Deployment, user: User) -> None:
    """Postgres takes a process that becomes its child for a server process, and a failure of it for a crash of its own."""
    database = plain.containers()["postgres"]["Id"]
    orphan = (
        "while kill -0 $PPID 2>/dev/null && [ $PPID != 1 ]; do :; done; sleep 0.2; touch /tmp/orphan; exit 2"
    )
    with psycopg.connect(user.environment["LIANYUN_DSN"], autocommit=True) as session:
        engine.docker("exec", "-d", database, "bash", "-c", f"bash -c '{orphan}' & kill -9 $$")
        until(
            lambda: engine.run(["docker", "exec", database, "test", "-e", "/tmp/orphan"]).returncode == 0,
            "the orphan has ended",
        )
        assert session.execute("SELECT pg_sleep(1), 1").fetchone() is not None
    assert "reinitializing" not in engine.run(["docker", "logs", database]).stderr


def test_our_containers_run_without_rights_and_all_ports_are_on_loopback(plain: Deployment) -> None:
    for name, container in plain.containers().items():
        host = container["HostConfig"]
        if container["Config"]["Image"] == plain.settings["LIANYUN_IMAGE"]:
            assert container["Config"]["User"] == "10001", name
            assert host["ReadonlyRootfs"], name
            assert host["CapDrop"] == ["ALL"], name
        bound = [each["HostIp"] for ports in (host["PortBindings"] or {}).values() for each in ports]
        assert set(bound) <= {"127.0.0.1"}, name


def test_the_demo_played_inside_shows_the_truth_of_its_world(played: dict[str, Any]) -> None:
    assert played["events"]["accepted"] > 1_000
    assert (played["world_mismatches"], played["fsck"]) == (0, "ok")
    assert played["credit"]["good"]["assessment"]["status"] == "SCORED", "read through the API"


def test_what_is_published_from_outside_is_tracked(user: User) -> None:
    record = opened()
    record["data"]["parties"] = []
    at = "2025-09-05T10:00:00+08:00"
    path = user.write("open.jsonl", record, departed("d1", at, "railnet:xian-intl-port"))
    assert user.json("publish", "--as", "outside", path)["acknowledged"] == 2
    user.until(lambda: "xian-intl-port" in subprocess_safe(user, "track", BOX, "--json"))
    (shown,) = user.json("track", BOX)["consignments"]
    assert (shown["movement"]["by"], shown["movement"]["happened"]) == ("outside", "2025-09-05T02:00:00Z")


def test_cases_are_opened_by_rule_and_shown_outside(user: User) -> None:
    """The simulated world is long past, so somebody has to look at what has been silent since."""
    listed: list[Any] = []

    def opened_by_rule() -> bool:
        listed[:] = user.json("cases", "list")["cases"]
        return bool(listed)

    user.until(opened_by_rule)
    (first, *_) = user.json("cases", "show", listed[0]["case"])["case"]["steps"]
    assert (first["step"], first.get("by")) == ("opened", None)


def test_a_bank_outside_is_answered_by_the_api(plain: Deployment, user: User, tmp_path: Path) -> None:
    url, key = f"http://localhost:{plain.port('API')}", bank.registered(user, tmp_path)
    with bank.caller(url, key) as api:
        bank.works(api)
    status = ("bank", "status", "--url", url, "--client", "sandbox", "--key", str(key))
    assert user.json(*status, "sandbox-stage-pledged")["financing"]["pledged"] is True


def test_an_event_is_proven_by_a_receipt_that_verifies_without_the_platform(
    plain: Deployment, user: User, tmp_path: Path
) -> None:
    """The API makes it by the policy of the log; nobody witnesses this one."""
    key, policy, receipt = (tmp_path / name for name in ("outside.jwk", "policy", "receipt.json"))
    user.run("party", "client", "add", "outside", "--new", str(key))
    policy.write_text(
        engine.docker("exec", plain.containers()["api"]["Id"], "cat", "/var/lib/lianyun-policy/policy")
    )
    event = {"source": "urn:test:outside", "id": "d1"}
    url = f"http://localhost:{plain.port('API')}"
    with bank.caller(url, key, client="outside") as api:

        def proven() -> bool:
            answer = api.get("/v1/events/receipt", params=event)
            assert answer.status_code in (200, 503), answer.text
            receipt.write_bytes(answer.content)
            return answer.status_code == 200

        until(proven, "the event is in the log")
    (shown,) = user.json("verify", str(receipt), "--policy", str(policy))["receipts"]
    assert (shown["proven"], shown["witnesses"]) == ("event", [])


def test_a_killed_worker_is_replaced_in_its_slot_and_the_flow_goes_on(plain: Deployment, user: User) -> None:
    before, stored = slots(user), applied(user)
    assert before.keys() == {"worker-1", "worker-2"}
    dead = plain.containers()["worker-1"]["Id"]
    engine.docker("kill", dead)
    publish(user, 0, 60)
    engine.docker("rm", dead)
    plain.compose("up", "-d", "--no-deps", "--wait", "worker-1")
    assert plain.containers()["worker-1"]["Id"] != dead
    until(lambda: applied(user) == stored + 60, "what was published while a worker was dead")
    publish(user, 60, 60)
    until(lambda: applied(user) == stored + 120, "what was published after it was replaced")
    assert slots(user) == before


def test_what_comes_after_a_deployment_sees_that_every_process_is_of_this_release(plain: Deployment) -> None:
    """Each by its own role of the database, as docs/guides/operators.md has it."""
    (last,) = [each for each in migrations() if each.name == "0044_key_possession"]
    dsn = f"postgresql://lianyun_owner@localhost:{plain.port('POSTGRES')}/lianyun"
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP TABLE lianyun.key_possession")
        connection.execute("DELETE FROM lianyun.migration WHERE number = %s", (last.number,))
    assert last.name in plain.compose("run", "--rm", "--no-deps", "-T", "migrate", "db", "migrate", "--after")


def test_all_that_is_stored_is_sound(user: User) -> None:
    assert user.json("fsck")["findings"] == []


@pytest.mark.parametrize(("job", "many"), metrics.OURS)
def test_prometheus_reads_all_of_ours(plain: Deployment, job: str, many: int) -> None:
    metrics.reads(plain, job, many)


def test_prometheus_evaluates_the_rules_and_knows_who_tells_people(plain: Deployment) -> None:
    metrics.watches(plain)


def test_the_exporter_tells_of_the_dead_letters(plain: Deployment, played: dict[str, Any]) -> None:
    look = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
    shown = engine.docker("exec", plain.containers()["exporter"]["Id"], "python3", "-c", look)
    counted = re.findall(
        r'^lianyun_dead_letters\{outcome="OPEN",.*reason="([A-Z_]+)"\} ', shown, re.MULTILINE
    )
    assert set(counted) == set(played["events"]["dead_letters"])
    assert counted, "the world has messages that must be refused"


def test_grafana_shows_the_dashboards(plain: Deployment) -> None:
    if "grafana" in plain.left_out:
        pytest.skip("NOT RUN: this engine has no image of Grafana and cannot fetch it")
    address = f"http://127.0.0.1:{plain.port('GRAFANA')}/api/"
    with urllib.request.urlopen(f"{address}search?type=dash-db", timeout=10) as answer:
        shown = {each["uid"] for each in json.load(answer)}
    assert shown == {json.loads(file.read_text())["uid"] for file in DASHBOARDS.glob("*.json")}
    for uid in shown:
        with urllib.request.urlopen(f"{address}dashboards/uid/{uid}", timeout=10) as answer:
            assert json.load(answer)["meta"]["provisioned"]
