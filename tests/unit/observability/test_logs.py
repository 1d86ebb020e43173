"""Log lines: no secrets, no storms."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from services.api.settings import ApiSettings
from services.cases.store.follower import CasesSettings
from services.cli.settings import CliSettings
from services.credit.store.follower import FollowerSettings
from services.monitoring.exporter.settings import ExporterSettings
from services.notifications.webhooks.settings import WebhookSettings
from services.processors.settings import WorkerSettings
from services.runtime.connections import Connections
from services.telemetry.logs import JsonFormatter, TextFormatter, configure, masked


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before, level


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("services.x", logging.INFO, __file__, 1, message, (), None)
    vars(made).update(extra)
    return made


@pytest.mark.parametrize(
    "text",
    [
        "connecting to postgresql://lianyun:hunter2@127.0.0.1:5432/lianyun failed",
        "sasl_plain_password='hunter2'",
        "password=hunter2 user=x",
        'Secret: "hunter2"',
        "grant_type=client_credentials&client_assertion=hunter2&scope=x",
        '{"access_token": "hunter2"}',
        "Authorization: Bearer hunter2hunter2hunter2",
        "api-key=hunter2",
        "eyJhbGciOiJFUzI1NiJ9.eyJodHUiOiJ4In0.hunter2",
        "dpop: eyJhbGciOiJFUzI1NiJ9.hunter2.",
        "key -----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY----- kept",
        "cut off -----BEGIN PRIVATE KEY-----\nhunter2",
    ],
)
def test_passwords_are_masked_wherever_they_stand(text: str) -> None:
    assert "hunter2" not in masked(text)
    assert "hunter2" not in TextFormatter().format(record(text, detail=text))
    assert "hunter2" not in JsonFormatter().format(record(text, detail=text))
    assert "hunter2" not in JsonFormatter().format(
        record("x", found=[text], told={"a": (text,)}, why=OSError(text))
    )


@pytest.mark.parametrize(
    "text",
    [
        "trace 4bf92f3577b34da6a3ce929d0e0e4736 of urn:cre:ktz dep-7741",
        "the token is none of ours",
        "postgresql://lianyun@127.0.0.1/lianyun",
        "basic facts of a consignment",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert masked(text) == text


SETTINGS = [
    WorkerSettings, ApiSettings, WebhookSettings, ExporterSettings, CasesSettings, FollowerSettings, CliSettings,
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda each: each.__name__)
def test_settings_print_no_secret(settings: type[Connections], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, field in settings.model_fields.items():
        if "SecretStr" in str(field.annotation):
            monkeypatch.setenv(f"LIANYUN_{name.upper()}", "hunter2")
    monkeypatch.setenv("LIANYUN_DSN", "postgresql://lianyun:hunter2@host/lianyun")
    monkeypatch.setenv("LIANYUN_KAFKA_USER", "ktz")
    monkeypatch.setenv("LIANYUN_BOOTSTRAP", "host:9092")
    made = settings()
    assert made.dsn.get_secret_value() == "postgresql://lianyun:hunter2@host/lianyun"
    printed = "\n".join([*made.lines(), str(made), repr(made)])
    assert "hunter2" not in printed
    assert "dsn=postgresql://lianyun:***@host/lianyun" in printed


def test_a_json_line_carries_the_fields() -> None:
    entry = json.loads(JsonFormatter().format(record("seek", action="seek", topic="t", offset=5)))
    assert (entry["message"], entry["action"], entry["offset"], entry["level"]) == ("seek", "seek", 5, "INFO")
    assert entry["time"].endswith("Z")


def test_an_exception_is_one_json_line() -> None:
    try:
        raise ValueError("postgresql://a:hunter2@h/d")
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert "ValueError" in json.loads(line)["exception"]
    assert "hunter2" not in line


def test_what_the_kafka_client_repeats_ten_times_a_second_is_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("text", "INFO")
    client = logging.getLogger("aiokafka.consumer.fetcher")
    for node in range(100):
        client.error("Failed fetch messages from %s: %s", 1, f"try {node}")
        client.info("chatter")
    client.error("something else")
    ours = logging.getLogger("services.processors.consumer")
    for _ in range(3):
        ours.info("ours")
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if "Failed fetch" in line]) == 1
    assert len([line for line in lines if "something else" in line]) == 1
    assert not [line for line in lines if "chatter" in line]
    assert len([line for line in lines if "ours" in line]) == 3
