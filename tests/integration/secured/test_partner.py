"""A new partner at a secured broker: made by one command, handed a kit, and heard with the kit alone."""

from __future__ import annotations

import datetime
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import Result
from kafka import KafkaProducer
from typer.testing import CliRunner

from services.cli.exits import Failure
from services.cli.main import app
from services.ledger.storage.migrate import migrate
from services.processors.supervisor import Supervisor
from services.processors.topics.access import principals
from services.processors.topics.cluster import admin_client
from services.processors.topics.declaration import read_declaration
from services.processors.topics.partner import provide, quota_of
from services.runtime.credentials import folder as keeping
from services.testbed.localstack import LocalStack
from tests.integration.secured.arrangement import administration, as_user

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


class Deployment:
    """A secured stack with workers that log in by password, and the operator's settings."""

    def __init__(self, stack: LocalStack, secrets: Path) -> None:
        self.stack, self.secrets = stack, secrets
        self.operator = {**administration(stack.broker, secrets), "LIANYUN_DSN": stack.dsn}

    def run(self, *arguments: str, code: int = 0, env: Mapping[str, str] | None = None) -> Result:
        """`lianyun ARGUMENTS` with the operator's settings, or with those of somebody else."""
        done = CliRunner().invoke(app, list(arguments), env=self.operator if env is None else env)
        assert done.exit_code == code, f"{arguments}\n{done.output}\n{done.exception!r}"
        return done

    def add(self, code: str, *more: str) -> dict[str, tuple[str, str]]:
        """The steps of `partner add`: state and detail by name."""
        words = ("partner", "add", code, "--secrets", str(self.secrets), "--json", *more)
        done = self.run(*words)
        password = self.secrets / "kafka" / code
        assert password.read_text() not in done.output, "a secret is never printed"
        assert password.stat().st_mode & 0o777 == 0o600
        return {s["step"]: (s["state"], s["detail"]) for s in json.loads(done.stdout)["steps"]}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("partner")
    secrets = folder / "secrets"
    keeping.make(secrets, principals(read_declaration()), (), datetime.datetime.now(datetime.UTC))
    with LocalStack(broker_secrets=secrets) as stack:
        migrate(stack.dsn)
        deployment = Deployment(stack, secrets)
        deployment.run("topics", "apply", "--access", "--passwords", str(secrets / "kafka"))
        settings = {
            **as_user(stack.broker, secrets, "worker", folder),
            "LIANYUN_DSN": stack.dsn,
            "LIANYUN_NETWORK": "demo",
        }
        command = (sys.executable, "-m", "services.processors")
        with Supervisor(settings, 2, logs=folder / "logs", command=command) as workers:
            until = time.monotonic() + 60
            while "!!  partitions" in deployment_text(deployment) and time.monotonic() < until:
                time.sleep(0.5)
            yield deployment
            assert workers.ended == []


def deployment_text(deployment: Deployment) -> str:
    return CliRunner().invoke(app, ["doctor"], env=deployment.operator).stdout


@pytest.mark.long
def test_from_nothing_to_the_first_accepted_event_with_the_kit_alone(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    steps = deployment.add("optic", "--name", "Xi'an Optics", "--role", "shipper")
    assert steps.pop("readers")[0] in ("done", "present"), "at once, or while it was waited for"
    assert {name: state for name, (state, _) in steps.items()} == dict.fromkeys(
        ("party", "topic", "access", "quota", "password"), "done"
    )
    assert steps["access"][1] == "optic may write cre.shipper.optic.v1, worker may read cre.shipper.optic.v1"
    kit = tmp_path / "kit"
    outside = ("--bootstrap", deployment.stack.broker.bootstrap, "--secrets", str(deployment.secrets))
    deployment.run("partner", "kit", "optic", "--to", str(kit), *outside)
    assert {path.stat().st_mode & 0o077 for path in (kit, *kit.rglob("*"))} == {0}, "closed to others"
    monkeypatch.chdir(kit)
    lines = (kit / "lianyun.env").read_text().splitlines()
    theirs = dict(line.split("=", 1) for line in lines)
    proof = tmp_path / "proof.json"
    proof.write_text(deployment.run("key", "prove", "optic", env=theirs).stdout)
    deployment.run("key", "add", "optic", "--proof", str(proof))
    deployment.run("events", "validate", "first.jsonl", "--as", "optic", env=theirs)
    sent = deployment.run("publish", "--as", "optic", "--json", "first.jsonl", env=theirs)
    assert json.loads(sent.stdout)["acknowledged"] == 1
    outcome = ""
    while outcome not in ("parked", "accepted") and time.monotonic() - began < 120:
        shown = deployment.run(
            "events", "status", "--as", "optic", "--json", env={**theirs, **told(deployment)}
        )
        (event,) = json.loads(shown.stdout)["events"]
        outcome = event["outcome"]
    print(f"{outcome} {time.monotonic() - began:.1f} s after nothing was there")
    assert outcome == "parked", "it is accepted; no consignment is founded yet"
    again = deployment.run("partner", "kit", "optic", "--to", str(kit), *outside)
    assert "partners/optic.toml" not in again.output.replace("\n", ""), "the key is never overwritten"
    assert not re.search(r"[0-9a-f]{64}", (kit / "README.md").read_text())


def told(deployment: Deployment) -> dict[str, str]:
    return {"LIANYUN_DSN": deployment.stack.dsn}


def test_repeating_it_repeats_nothing_and_a_quota_that_was_agreed_stays(deployment: Deployment) -> None:
    named = ("--name", "Repeated", "--role", "terminal")
    deployment.add("again", *named, "--quota", "5000000")
    password = (deployment.secrets / "kafka" / "again").read_text()
    assert {state for state, _ in deployment.add("again", *named).values()} == {"present"}
    assert {state for state, _ in deployment.add("again").values()} == {"present"}
    assert (deployment.secrets / "kafka" / "again").read_text() == password
    with admin_client(*deployment.stack.broker.administration) as admin:
        assert quota_of(admin, "again") == 5_000_000
    changed = deployment.add("again", "--quota", "7000000", "--new-password")
    assert {name for name, (state, _) in changed.items() if state == "done"} == {"quota", "password"}
    assert (deployment.secrets / "kafka" / "again").read_text() != password


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_what_a_crash_left_undone_is_finished(deployment: Deployment, steps: int) -> None:
    code = f"half{steps}"
    topic = f"cre.railway.{code}.v1"
    identity = ("--role", "railway", "--source", f"urn:cre:{code}", "--topic", topic)
    deployment.run("party", "add", code, "--name", "Half", *identity)
    declaration = read_declaration().with_parties({code: [topic]})
    begun = provide(
        *deployment.stack.broker.administration, declaration, code,
        replication_factor=1, quota=None, password=deployment.secrets / "kafka" / code, renew=False,
    )  # fmt: skip
    names = ["party", *(next(begun).name for _ in range(steps))]
    begun.close()
    states = {name: state for name, (state, _) in deployment.add(code).items() if name != "readers"}
    order = ["party", "topic", "access", "quota", "password"]
    assert states == {name: "present" if name in names else "done" for name in order}
    settings = {
        **deployment.stack.broker.client_options("ktz"),
        "sasl_plain_username": code,
        "sasl_plain_password": (deployment.secrets / "kafka" / code).read_text(),
    }
    writer = KafkaProducer(bootstrap_servers=deployment.stack.broker.bootstrap, **settings)
    assert writer.send(topic, value=b"heard").get(timeout=30).offset >= 0
    writer.close()


def test_a_kit_without_its_connection_says_what_lacks(deployment: Deployment, tmp_path: Path) -> None:
    identity = ("--role", "railway", "--source", "urn:cre:bare", "--topic", "cre.railway.bare.v1")
    deployment.run("party", "add", "bare", "--name", "Bare", *identity)
    done = deployment.run("partner", "kit", "bare", "--to", str(tmp_path / "kit"), code=1)
    assert isinstance(done.exception, Failure)
    assert "lacks: create cre.railway.bare.v1" in done.exception.problem
    assert "bare may write cre.railway.bare.v1" in done.exception.problem
    assert "a password of bare" in done.exception.problem
    assert done.exception.suggestion == "lianyun partner add bare"
    assert not (tmp_path / "kit").exists()
    assert "cre.railway.bare.v1 of bare" in deployment_text(deployment)


@pytest.mark.parametrize("code", ["worker", "gateway"])
def test_no_party_takes_the_name_of_a_user_of_the_platform(deployment: Deployment, code: str) -> None:
    words = ("--name", "Intruder", "--role", "railway", "--secrets", str(deployment.secrets))
    done = deployment.run("partner", "add", code, *words, code=1)
    assert isinstance(done.exception, Failure)
    assert "is a user of the platform itself" in done.exception.problem
    assert code not in deployment.run("party", "list").stdout
