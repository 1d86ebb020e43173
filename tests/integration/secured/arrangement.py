"""How operators and partners name themselves to a secured broker: the environment of their commands."""

from __future__ import annotations

from pathlib import Path

from services.testbed.localstack import Broker


def administration(broker: Broker, secrets: Path) -> dict[str, str]:
    """The environment of an operator's command: in by certificate."""
    address, _ = broker.administration
    return {
        "LIANYUN_BOOTSTRAP": address,
        "LIANYUN_KAFKA_CA": str(secrets / "ca.pem"),
        "LIANYUN_KAFKA_CERTIFICATE": str(secrets / "admin.pem"),
    }


def as_user(broker: Broker, secrets: Path, user: str, folder: Path) -> dict[str, str]:
    """The environment of a partner's or worker's command: its password lies in a file of ``folder``."""
    (folder / "lianyun_kafka_password").write_text((secrets / "kafka" / user).read_text())
    return {
        "LIANYUN_BOOTSTRAP": broker.bootstrap,
        "LIANYUN_KAFKA_CA": str(secrets / "ca.pem"),
        "LIANYUN_KAFKA_USER": user,
        "LIANYUN_SECRETS": str(folder),
    }
