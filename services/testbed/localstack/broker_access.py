"""Passwords and access rules on the local broker, for tests and demos of what partners may and may not do."""

from __future__ import annotations

from collections.abc import Mapping

ADMINISTRATOR = "admin"
MECHANISM = "SCRAM-SHA-512"

# Clients come in by the SCRAM listener and have a name. Nameless are only the controller's and the broker's own
# listeners; on a machine shared with people you do not trust, that makes this stack a toy and no deployment.
SETTINGS: Mapping[str, str] = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:ANONYMOUS;User:{ADMINISTRATOR}",
    "allow.everyone.if.no.acl.found": "false",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENT:SASL_PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "sasl.enabled.mechanisms": MECHANISM,
    "listener.name.client.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
}


def format_arguments(users: Mapping[str, str]) -> list[str]:
    """Return the arguments with which the storage is formatted so that ``users`` (name -> password) exist."""
    return [
        part
        for name, password in users.items()
        for part in ("--add-scram", f"{MECHANISM}=[name={name},password={password}]")
    ]


def client_options(user: str, password: str) -> dict[str, str]:
    """Return the settings of kafka-python's clients that log in as ``user``."""
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }
