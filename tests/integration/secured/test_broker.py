"""The broker of a secured deployment, with its own settings and certificates, as a local process: who may do what."""

from __future__ import annotations

import datetime
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, TopicAuthorizationFailedError
from typer.testing import CliRunner

from schemas.signing import Scheme
from services.cli.exits import Failure
from services.cli.main import app
from services.monitoring.exporter.probes import probe_broker
from services.processors.topics.access import grants, missing_grants, principals
from services.processors.topics.cluster import ClusterError, admin_client
from services.processors.topics.declaration import read_declaration
from services.producers import profile
from services.runtime.credentials import folder as keeping
from services.runtime.credentials.authority import Issued, issue
from services.testbed.localstack import Broker, LocalStack
from tests.integration.secured.arrangement import administration, as_user

pytestmark = pytest.mark.integration
OWN, FOREIGN = "cre.railway.ktz.v1", "cre.railway.rzd.v1"
SHORT = {"bootstrap_timeout_ms": 2_500}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secured") / "secrets"
    keeping.make(folder, principals(read_declaration()), (), datetime.datetime.now(datetime.UTC))
    return folder


@pytest.fixture(scope="module")
def secured(secrets: Path) -> Iterator[Broker]:
    with LocalStack(postgres=False, broker_secrets=secrets) as stack:
        apply(stack.broker, secrets)
        yield stack.broker


def apply(broker: Broker, secrets: Path) -> None:
    """What an operator does, with the command that an operator uses."""
    arguments = ["topics", "apply", "--access", "--passwords", str(secrets / "kafka")]
    done = CliRunner().invoke(app, arguments, env=administration(broker, secrets))
    assert done.exit_code == 0, done.output


def producer(broker: Broker, user: str, **changed: object) -> KafkaProducer:
    options = {**broker.client_options(user), **changed}
    return KafkaProducer(
        bootstrap_servers=broker.bootstrap, enable_idempotence=True, max_block_ms=5_000, **options
    )


def test_the_rules_are_those_declared_and_applying_them_again_changes_nothing(
    secured: Broker, secrets: Path
) -> None:
    address, options = secured.administration
    with admin_client(address, options) as admin:
        assert missing_grants(admin, grants(read_declaration())) == ()
    apply(secured, secrets)


def test_a_partner_writes_to_its_own_topic_and_the_worker_reads_it(secured: Broker) -> None:
    writer = producer(secured, "ktz")
    written = writer.send(OWN, value=b"departed", partition=3).get(timeout=20)
    with pytest.raises(TopicAuthorizationFailedError):
        writer.send(FOREIGN, value=b"forged").get(timeout=20)
    assert writer.send(OWN, value=b"arrived", partition=3).get(timeout=20).offset == written.offset + 1
    writer.close()
    assert read(secured, "worker", written.offset) == [b"departed", b"arrived"]


def test_a_partner_does_not_read_what_it_wrote(secured: Broker) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        read(secured, "ktz", 0)


@pytest.mark.parametrize("user", ["rzd", "gateway"])
def test_a_topic_of_somebody_else_is_not_even_seen(secured: Broker, user: str) -> None:
    consumer = KafkaConsumer(bootstrap_servers=secured.bootstrap, **secured.client_options(user))
    try:
        assert consumer.topics() == {
            grant.name for grant in grants(read_declaration()) if grant.principal == user
        }
    finally:
        consumer.close()


def test_the_worker_cannot_write(secured: Broker) -> None:
    writer = producer(secured, "worker")
    with pytest.raises(KafkaError):
        writer.send(OWN, value=b"invented").get(timeout=20)
    writer.close()


def test_the_exporter_sees_the_disks_of_the_log_and_no_topic(secured: Broker) -> None:
    def seen(user: str) -> dict[str, float]:
        connection = {"bootstrap_servers": [secured.bootstrap], **secured.client_options(user)}
        return {sample.definition.name: sample.value for sample in probe_broker(connection)}

    found = seen("exporter")
    assert found.pop("lianyun_broker_up") == 1
    assert set(found) == {
        "lianyun_disk_size_bytes", "lianyun_disk_free_bytes", "lianyun_broker_log_size_bytes"
    }  # fmt: skip
    assert found["lianyun_disk_free_bytes"] > 0
    assert seen("ktz") == {"lianyun_broker_up": 1}, "who may not see them is let in all the same"
    consumer = KafkaConsumer(bootstrap_servers=secured.bootstrap, **secured.client_options("exporter"))
    try:
        assert consumer.topics() == set()
    finally:
        consumer.close()


def test_a_partner_cannot_administer(secured: Broker) -> None:
    with (
        pytest.raises(ClusterError, match=r"(?i)authorization"),
        admin_client(secured.bootstrap, secured.client_options("ktz")) as admin,
    ):
        missing_grants(admin, grants(read_declaration()))


@pytest.mark.long
def test_without_encryption_or_with_another_authority_nobody_comes_in(
    secured: Broker, tmp_path: Path
) -> None:
    keeping.make(tmp_path / "other", (), (), datetime.datetime.now(datetime.UTC))
    for changed in (
        {"security_protocol": "SASL_PLAINTEXT"},
        {"ssl_cafile": str(tmp_path / "other" / "ca.pem")},
    ):
        with pytest.raises(KafkaError):
            producer(secured, "ktz", **changed, **SHORT)


def test_a_new_password_counts_at_once_and_the_old_one_no_longer(secured: Broker, secrets: Path) -> None:
    before = secured.client_options("bch")
    users = principals(read_declaration())
    keeping.renew(secrets, "kafka/bch", users, (), datetime.datetime.now(datetime.UTC))
    apply(secured, secrets)
    with pytest.raises(KafkaError):
        producer(secured, "bch", **{**before, **SHORT})
    producer(secured, "bch").close()


def test_the_listeners_of_broker_and_controller_open_for_its_own_certificates_only(
    secured: Broker, secrets: Path
) -> None:
    inside, _ = secured.administration
    for address in (inside, secured.controller):
        assert not accepted(address, secrets, None), "no certificate"
        assert not accepted(address, secrets, stranger(secrets)), "one of another authority"
    assert accepted(inside, secrets, secrets / "admin.pem")
    host = secured.controller.partition(":")[0]
    assert host == "127.0.0.1", "the controller listens where nobody else is"


def test_a_certificate_that_nobody_granted_anything_may_do_nothing(secured: Broker, secrets: Path) -> None:
    authority = Issued((secrets / "ca.pem").read_bytes(), (secrets / "ca.key").read_bytes())
    own = secrets / "nobody.pem"
    own.write_bytes(issue(authority, "nobody", (), datetime.datetime.now(datetime.UTC)).both)
    address, options = secured.administration
    writer = KafkaProducer(
        bootstrap_servers=address,
        max_block_ms=5_000,
        **{**options, "ssl_certfile": str(own), "ssl_keyfile": str(own)},
    )
    with pytest.raises(KafkaError):
        writer.send(OWN, value=b"forged").get(timeout=20)
    writer.close()


def test_the_doctor_looks_at_a_secured_broker(secured: Broker, secrets: Path) -> None:
    told = CliRunner().invoke(app, ["doctor", "--json"], env=administration(secured, secrets)).stdout
    checks = {check["name"]: check["ok"] for check in json.loads(told)["checks"]}
    assert checks["broker"]
    assert checks["access rules"]
    assert (secrets / "kafka" / "worker").read_text() not in told


RECORD = {
    "id": "dep-7741",
    "type": "cre.movement.departed.v1",
    "time": "2025-09-10T08:05:00+05:00",
    "data": {
        "classifier": "ACT",
        "happened": "2025-09-10T07:55:00+05:00",
        "place": "esr:708403",
        "objects": [{"kind": "container", "id": "CSQU3054383"}],
    },
}


def test_a_partner_publishes_with_its_password_from_a_file(
    secured: Broker, secrets: Path, tmp_path: Path
) -> None:
    settings = as_user(secured, secrets, "ktz", tmp_path) | {"LIANYUN_PARTNERS": str(tmp_path / "partners")}
    profile.create("ktz", "urn:cre:ktz", OWN, "demo", Scheme.ED25519).save(tmp_path / "partners")
    file = tmp_path / "departures.jsonl"
    file.write_text(json.dumps(RECORD) + "\n")
    arguments = ["publish", "--as", "ktz", "--json", "--patience", "20", str(file)]
    done = CliRunner().invoke(app, arguments, env=settings)
    assert done.exit_code == 0, done.output
    assert '"acknowledged":1' in done.output.replace(" ", "")


@pytest.mark.parametrize("topic", [FOREIGN, "cre.railway.nobody.v1"])
def test_a_partner_that_may_not_write_somewhere_hears_so_at_once(
    secured: Broker, secrets: Path, tmp_path: Path, topic: str
) -> None:
    """The broker does not say which topics there are that it does not open."""
    settings = as_user(secured, secrets, "ktz", tmp_path) | {"LIANYUN_PARTNERS": str(tmp_path / "partners")}
    profile.create("ktz", "urn:cre:ktz", topic, "demo", Scheme.ED25519).save(tmp_path / "partners")
    file = tmp_path / "departures.jsonl"
    file.write_text(json.dumps(RECORD) + "\n")
    done = CliRunner().invoke(app, ["publish", "--as", "ktz", "--patience", "3600", str(file)], env=settings)
    assert isinstance(done.exception, Failure)
    assert done.exception.code == 1
    assert f"the broker lets ktz write nothing to {topic}" in done.exception.problem
    assert "safe in the spool" in done.exception.problem
    assert "lianyun partner add ktz" in done.exception.suggestion


@pytest.mark.long
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("LIANYUN_KAFKA_USER", "a wrong SASL password looks the same"),
        ("LIANYUN_KAFKA_CA", "a certificate that LIANYUN_KAFKA_CA does not vouch for"),
    ],
)
def test_a_partner_that_is_not_let_in_hears_what_to_check(
    secured: Broker, secrets: Path, tmp_path: Path, wrong: str, said: str
) -> None:
    keeping.make(tmp_path / "other", (), (), datetime.datetime.now(datetime.UTC))
    settings = as_user(secured, secrets, "ktz", tmp_path) | {"LIANYUN_PARTNERS": str(tmp_path / "partners")}
    settings[wrong] = "nobody" if wrong.endswith("USER") else str(tmp_path / "other" / "ca.pem")
    profile.create("ktz", "urn:cre:ktz", OWN, "demo", Scheme.ED25519).save(tmp_path / "partners")
    file = tmp_path / "departures.jsonl"
    file.write_text(json.dumps(RECORD) + "\n")
    done = CliRunner().invoke(app, ["publish", "--as", "ktz", "--patience", "5", str(file)], env=settings)
    assert isinstance(done.exception, Failure)
    assert done.exception.code == 4
    assert said in done.exception.problem
    assert "Trying for 5 s in all." in " ".join(done.stderr.split()), "before it gives up"


def read(broker: Broker, user: str, offset: int) -> list[bytes]:
    group = "lianyun" if user == "worker" else None
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap, group_id=group, **broker.client_options(user)
    )
    try:
        partition = TopicPartition(OWN, 3)
        consumer.assign([partition])
        consumer.seek(partition, offset)
        found = consumer.poll(timeout_ms=10_000)
        return [record.value for batch in found.values() for record in batch]
    finally:
        consumer.close()


def stranger(secrets: Path) -> Path:
    folder = secrets.with_name("stranger")
    if not folder.exists():
        keeping.make(folder, (), (), datetime.datetime.now(datetime.UTC))
    return folder / "admin.pem"


def accepted(address: str, secrets: Path, certificate: Path | None) -> bool:
    """Whether the server goes on talking after the handshake: in TLS 1.3 the refusal comes with the first answer."""
    host, _, port = address.partition(":")
    context = ssl.create_default_context(cafile=str(secrets / "ca.pem"))
    if certificate is not None:
        context.load_cert_chain(certificate)
    try:
        with (
            socket.create_connection((host, int(port)), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            connection.settimeout(1.0)
            return bool(connection.recv(1))
    except TimeoutError:
        return True  # it waits for a request
    except OSError:
        return False
