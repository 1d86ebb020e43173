"""ACLs and SCRAM credentials of the broker's users, derived from the declaration of topics."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialUpsertion,
)
from kafka.errors import NoError, SecurityDisabledError
from pydantic import SecretStr

from services.processors.topics.cluster import ClusterError
from services.processors.topics.declaration import Declaration
from services.runtime.connections import MECHANISM

GATEWAY = "gateway"
WORKER = "worker"
EXPORTER = "exporter"
WORKER_GROUP = "lianyun"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One permission: the user ``principal`` may do ``operation`` on the topic or group ``name``, or on the cluster."""

    principal: str
    operation: str
    resource: str
    name: str

    def command(self) -> str:
        """The equivalent call of Kafka's kafka-acls.sh."""
        return (
            f"kafka-acls.sh --bootstrap-server $BOOTSTRAP --add --allow-principal User:{self.principal} "
            f"--operation {self.operation.capitalize()} --{self.resource}"
            + (f" {self.name}" if self.resource != "cluster" else "")
        )


def grants(declaration: Declaration) -> tuple[Grant, ...]:
    """All grants: a party writes to its topics, the gateway to those without parties, the worker reads, the exporter sees disks.

    A party's user has the party's code as its name. WRITE implies DESCRIBE and suffices for an idempotent producer.
    """
    found = {
        Grant(party, "WRITE", "topic", topic.name)
        for topic in declaration.topics
        for party in topic.parties or (GATEWAY,)
    }
    found |= {Grant(WORKER, "READ", "topic", topic.name) for topic in declaration.topics}
    found.add(Grant(WORKER, "READ", "group", WORKER_GROUP))
    found.add(Grant(EXPORTER, "DESCRIBE", "cluster", "kafka-cluster"))  # the name of every cluster
    return tuple(sorted(found))


def principals(declaration: Declaration) -> tuple[str, ...]:
    """The names of all users with a grant, sorted."""
    return tuple(sorted({grant.principal for grant in grants(declaration)}))


def missing_grants(admin: Any, wanted: Iterable[Grant]) -> tuple[Grant, ...]:
    """Those of ``wanted`` that the cluster lacks, sorted. Blocks; read-only."""
    everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    try:
        present, error = admin.describe_acls(
            ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, everything)
        )
    except SecurityDisabledError:
        present, error = [], SecurityDisabledError
    if error is not NoError:
        raise ClusterError(
            f"the cluster does not tell its access rules: {error.__name__}; it needs an authorizer "
            "(authorizer.class.name), and this user the right to ALTER the cluster"
        )
    held = {
        Grant(
            acl.principal.removeprefix("User:"),
            acl.operation.name,
            acl.resource_pattern.resource_type.name.lower(),
            acl.resource_pattern.resource_name,
        )
        for acl in present
        if acl.permission_type == ACLPermissionType.ALLOW
        and acl.host == "*"
        and acl.resource_pattern.pattern_type == ACLResourcePatternType.LITERAL
    }
    return tuple(sorted(set(wanted) - held))


def apply_grants(admin: Any, wanted: Iterable[Grant], patience: float = 60.0) -> tuple[Grant, ...]:
    """Create the grants that the cluster lacks and return them; idempotent.

    Blocks until they are in force, shortly after the cluster accepted them. Raises ClusterError, also when the cluster has no
    authorizer. Undeclared grants are left alone.
    """
    wanted = tuple(wanted)
    created = missing_grants(admin, wanted)
    if not created:
        return ()
    refused = admin.create_acls([_acl(grant) for grant in created])["failed"]
    if refused:
        raise ClusterError(
            "access rules refused: " + ", ".join(sorted({error.__name__ for error in refused}))
        )
    until = time.monotonic() + patience
    while left := missing_grants(admin, wanted):
        if time.monotonic() > until:
            raise ClusterError(f"accepted, but not in force after {patience:.0f} s: {left[0].command()}")
        time.sleep(0.1)
    return created


def _acl(grant: Grant) -> ACL:
    return ACL(
        principal=f"User:{grant.principal}",
        host="*",
        operation=ACLOperation[grant.operation],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(ResourceType[grant.resource.upper()], grant.name),
    )


LEAST = 16
ITERATIONS = 8_192


class PasswordError(Exception):
    """A password file is missing or unusable; the text names it."""


def read_passwords(folder: Path, users: Iterable[str]) -> dict[str, SecretStr]:
    """The password of each of ``users``, from the file of its name in ``folder``. Raises PasswordError."""
    found: dict[str, SecretStr] = {}
    for user in users:
        try:
            password = (folder / user).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise PasswordError(f"no password of {user}: {folder / user}: {problem}") from None
        if len(password) < LEAST:
            raise PasswordError(f"{folder / user}: a password has at least {LEAST} characters")
        found[user] = SecretStr(password)
    return found


def set_passwords(admin: Any, passwords: Mapping[str, SecretStr]) -> None:
    """Create the users at the broker, or change their passwords (SCRAM, RFC 5802); open connections remain open.

    Blocks; the broker receives a salted hash, never the password. Raises ClusterError where it refuses.
    """
    if not passwords:
        return
    answers = admin.alter_user_scram_credentials(
        [
            UserScramCredentialUpsertion(user, MECHANISM, password.get_secret_value(), ITERATIONS)
            for user, password in sorted(passwords.items())
        ]
    )
    refused = {user: problem for user, problem in answers.items() if problem}
    if refused:
        raise ClusterError("; ".join(f"password of {user}: {problem}" for user, problem in refused.items()))
