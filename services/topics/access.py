"""Who may do what on which topic: derived from the declaration, never written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from services.topics.declaration import Declaration

GATEWAY = "gateway"
WORKER = "worker"
WORKER_GROUP = "lianyun"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One permission: ``principal`` (a user's name) may do ``operation`` on the topic or group ``name``."""

    principal: str
    operation: str
    resource: str
    name: str

    def command(self) -> str:
        """Return the same grant as a call of Kafka's own kafka-acls.sh, for those who administer by hand."""
        return (
            f"kafka-acls.sh --bootstrap-server $BOOTSTRAP --add --allow-principal User:{self.principal} "
            f"--operation {self.operation.capitalize()} --{self.resource} {self.name}"
        )


def grants(declaration: Declaration) -> tuple[Grant, ...]:
    """Return all grants: a party writes to its own topics, the gateway to the one without parties, the worker reads.

    A party's user carries its code as name. WRITE implies DESCRIBE and is enough for an idempotent producer.
    """
    found = {
        Grant(party, "WRITE", "topic", topic.name)
        for topic in declaration.topics
        for party in topic.parties or (GATEWAY,)
    }
    found |= {Grant(WORKER, "READ", "topic", topic.name) for topic in declaration.topics}
    found.add(Grant(WORKER, "READ", "group", WORKER_GROUP))
    return tuple(sorted(found))


def apply_grants(admin: Any, wanted: tuple[Grant, ...]) -> None:
    """Create the grants on a cluster that has an authorizer; those that exist stay as they are. Blocks."""
    admin.create_acls(
        [
            ACL(
                principal=f"User:{grant.principal}",
                host="*",
                operation=ACLOperation[grant.operation],
                permission_type=ACLPermissionType.ALLOW,
                resource_pattern=ResourcePattern(ResourceType[grant.resource.upper()], grant.name),
            )
            for grant in wanted
        ]
    )
