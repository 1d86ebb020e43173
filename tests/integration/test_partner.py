"""`lianyun partner` at an open broker, and what the kit holds."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.events.base import Role
from schemas.events.catalogue import CATALOGUE
from schemas.schemes import Scheme
from services.cli import partner_kit, partners
from services.cli.exits import Exit, Failure
from services.cli.main import app
from services.ledger.registry.party import Party
from services.processors.topics.declaration import read_declaration
from services.producers import profile
from services.producers.unsigned_event import build
from services.testbed.localstack.engine import BrokerAddress, DatabaseAddress
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration


class Operator:
    """The operator's commands, each with its steps or its failure."""

    def __init__(self, broker: BrokerAddress, dsn: str) -> None:
        self.environment = {"LIANYUN_BOOTSTRAP": broker.bootstrap, "LIANYUN_DSN": dsn}
        self.code = f"p{uuid.uuid4().hex[:8]}"

    def add(self, *more: str, code: int = Exit.FINDINGS) -> dict[str, tuple[str, str, str]]:
        """The steps; without workers the command ends with 3."""
        done = CliRunner().invoke(app, ["partner", "add", self.code, "--json", *more], env=self.environment)
        assert done.exit_code == code, (done.output, done.exception)
        steps = json.loads(done.stdout)["steps"]
        return {each["step"]: (each["state"], each["detail"], each["remedy"]) for each in steps}

    def fails(self, *words: str) -> Failure:
        done = CliRunner().invoke(app, list(words), env=self.environment)
        assert isinstance(done.exception, Failure), done.output
        return done.exception


@pytest.fixture
def operator(broker: BrokerAddress, postgres: DatabaseAddress, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setattr(partners, "_PATIENCE", 0.1)
    return Operator(broker, migrated_database(postgres, f"partner_{uuid.uuid4().hex[:12]}"))


def test_an_open_broker_gets_the_topic_and_it_is_said_that_no_rules_apply(operator: Operator) -> None:
    first = operator.add("--name", "Optics", "--role", "shipper", "--place", "railnet:dostyk")
    topic = f"cre.shipper.{operator.code}.v1"
    assert first["topic"][:2] == ("done", f"create {topic} (8 partitions, 1 replicas)")
    assert first["access"][0] == "unenforced"
    assert "no access rules, quota or password apply" in first["access"][1]
    assert first.keys() == {"party", "topic", "access", "readers"}
    assert first["readers"][1].startswith("8 of 8 partitions are read by nobody")
    assert "lianyun worker" in first["readers"][2]
    again = operator.add("--name", "Optics", "--role", "shipper", "--place", "railnet:dostyk")
    assert (again["party"][0], again["topic"][:2]) == ("present", ("present", topic))


def test_a_party_that_is_another_one_already_is_not_changed(operator: Operator) -> None:
    operator.add("--name", "Optics", "--role", "shipper")
    other = operator.fails("partner", "add", operator.code, "--role", "railway")
    assert "is registered already, with other roles: shipper" in other.problem
    assert f"lianyun party amend {operator.code}" in other.suggestion


def test_a_party_that_is_not_known_needs_a_name_and_a_role(operator: Operator) -> None:
    unknown = operator.fails("partner", "add", operator.code)
    assert (unknown.code, "name and role" in unknown.problem) == (Exit.USAGE, True)
    wrong = operator.fails(
        "partner", "add", operator.code, "--name", "X", "--role", "bank", "--topic", "Mine"
    )
    assert "'Mine' is not of the form cre.<kind>.<partner>.v<number>" in wrong.problem
    assert "no party" in operator.fails("partner", "kit", operator.code).problem


def test_a_partner_of_the_gateway_needs_no_connection(operator: Operator, tmp_path: Path) -> None:
    steps = operator.add("--name", "Small", "--role", "consignee", "--gateway", code=0)
    assert steps["topic"][1].startswith("none of its own")
    words = ["partner", "kit", operator.code, "--to", str(tmp_path / "kit"), "--api", "https://api.example"]
    done = CliRunner().invoke(app, words, env=operator.environment)
    assert done.exit_code == 0, done.output
    assert "Post it over HTTPS" in (tmp_path / "kit" / "README.md").read_text()
    assert "BOOTSTRAP" not in (tmp_path / "kit" / "lianyun.env").read_text()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PLATFORM])
def test_the_first_file_of_every_role_is_one_that_it_may_publish(role: Role, tmp_path: Path) -> None:
    assert role in CATALOGUE[partner_kit.FIRST[role]].spec.publishers
    party = Party(1, "optic", "Optics", frozenset({role}), sources=frozenset({"urn:cre:optic"}))
    endpoints = partner_kit.Endpoints("broker:9094", "", "")
    partner_kit.write(tmp_path / "kit", party, "demo", endpoints, datetime.now(UTC))
    (line,) = (tmp_path / "kit" / "first.jsonl").read_bytes().splitlines()
    who = profile.complete(tmp_path / "kit" / "partners", "optic", Scheme.ED25519)
    assert build(line, who).envelope.type == partner_kit.FIRST[role]


def test_the_key_is_made_once_and_the_declarations_about_files_stay(tmp_path: Path) -> None:
    path = tmp_path / "optic.toml"
    path.write_text(
        profile.keyless("optic", "urn:cre:optic", "cre.shipper.optic.v1", "demo")
        + '\n[files]\nzone = "Asia/Shanghai"\n'
    )
    with pytest.raises(profile.KeylessProfile, match="lianyun key prove optic"):
        profile.load(tmp_path, "optic")
    made = profile.complete(tmp_path, "optic", Scheme.ED25519)
    assert profile.load(tmp_path, "optic").key.seed == made.key.seed
    assert made.files is not None
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(profile.ProfileError, match="has a key already"):
        profile.complete(tmp_path, "optic", Scheme.ED25519)


def test_the_topics_of_parties_join_those_declared() -> None:
    declared = read_declaration()
    parties: Mapping[str, list[str]] = {
        "optic": ["cre.shipper.optic.v1", "cre.gateway.v1"],
        "ktz": ["cre.railway.ktz.v1"],
        "eaeu-am": ["cre.customs.eaeu.v1"],
    }
    joined = declared.with_parties(parties)
    assert joined.names() == (*declared.names(), "cre.shipper.optic.v1")
    assert joined.gateways() == declared.gateways() == {"cre.gateway.v1"}, "nobody takes the gateway's topic"
    assert joined.topics_of("ktz") == ("cre.railway.ktz.v1",)
    hub = next(topic for topic in joined.topics if topic.name == "cre.customs.eaeu.v1")
    assert hub.parties == ("eaeu-kz", "eaeu-ru", "eaeu-by", "eaeu-am")
