"""The secured deployment's own broker settings on the local broker: certificates, passwords over TLS, access rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.runtime.connections import MECHANISM

PROPERTIES = Path(__file__).resolve().parents[3] / "infra" / "kafka" / "secured.properties"
INTERNAL, PARTNER = "INTERNAL", "PARTNER"
"""The listener of broker and administrator (by certificate), and the one of everybody else (by password)."""


def settings(secrets: Path) -> dict[str, str]:
    """Return infra/kafka/secured.properties with the certificates of ``secrets``, as `lianyun secrets make` made it."""
    lines = PROPERTIES.read_text(encoding="ascii").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    found = {key: value for key, _, value in pairs}
    return found | {
        key: str(secrets / Path(found[key]).name)
        for key in ("ssl.keystore.location", "ssl.truststore.location")
    }


def administrator_options(secrets: Path) -> Mapping[str, str]:
    """Return the settings of kafka-python's clients that come in by the administrator's certificate."""
    certificate = str(secrets / "admin.pem")
    return {
        "security_protocol": "SSL",
        "ssl_cafile": str(secrets / "ca.pem"),
        "ssl_certfile": certificate,
        "ssl_keyfile": certificate,
    }


def client_options(secrets: Path, user: str) -> Mapping[str, str]:
    """Return the settings of kafka-python's clients that log in as ``user`` with the password in ``secrets``."""
    return {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(secrets / "ca.pem"),
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": user,
        "sasl_plain_password": (secrets / "kafka" / user).read_text(encoding="ascii"),
    }
