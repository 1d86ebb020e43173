"""Checks of the broker: reachability, also at its advertised addresses, topics and access rules as declared."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from services.cli.checks.check import Check, judged, shortened
from services.ledger.storage.ledger_protocol import Mark, PartitionId
from services.processors.log_identity import LogState
from services.processors.log_reader import LogReader
from services.processors.topics import access, cluster
from services.processors.topics.cluster import CreateTopic
from services.processors.topics.declaration import Declaration

Connect = Callable[[str, Mapping[str, Any] | None], AbstractContextManager[Any]]
_PATIENCE = 2.0


def look(
    bootstrap: str,
    declaration: Declaration,
    network: str,
    security: Mapping[str, Any] | None = None,
    connect: Connect = cluster.admin_client,
    parties: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Iterator[Check]:
    """Check the broker at ``bootstrap``; ``parties`` are the topics of those registered, by code. Blocks up to 15 s where none answers; raises ClusterError."""
    if not bootstrap:
        yield Check("broker", False, "none is configured", "set LIANYUN_BOOTSTRAP=host:port, or: make up")
        return
    if not any(_connects(address) for address in bootstrap.split(",")):  # the client would try for 15 s
        raise cluster.ClusterError(f"nothing listens at {bootstrap}")
    with connect(bootstrap, security) as admin:
        yield Check("broker", True, bootstrap)
        yield _listeners(admin)
        yield from _topics(admin, declaration, parties)
        yield _access(admin, declaration.with_parties(parties), network)


def _listeners(admin: Any) -> Check:
    """Clients reconnect to the address that a broker advertises: one that only the broker knows is a classic."""
    named = [f"{broker['host']}:{broker['port']}" for broker in admin.describe_cluster()["brokers"]]
    deaf = [address for address in named if not _connects(address)]
    found = f"nothing answers at {shortened(deaf)}" if deaf else f"{len(named)} reachable as advertised"
    return judged("brokers", not deaf, found, "set advertised.listeners to addresses that clients can reach")


def _connects(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, ValueError):
        return False
    return True


def _topics(admin: Any, declaration: Declaration, parties: Mapping[str, Collection[str]]) -> Iterator[Check]:
    plan = cluster.make_plan(admin, declaration.with_parties(parties))
    declared = set(declaration.names())  # those of parties alone are checked with the parties
    missing = [
        action.name for action in plan.actions if isinstance(action, CreateTopic) and action.name in declared
    ]
    wrong = [*plan.conflicts, *(str(act) for act in plan.actions if not isinstance(act, CreateTopic))]
    every = len(declaration.topics)
    there = (
        f"{len(missing)} of {every} are missing: {shortened(missing)}" if missing else f"all {every} exist"
    )
    yield judged("topics", not missing, there, "lianyun topics apply")
    differences = f"{len(wrong)} differences: {shortened(wrong)}" if wrong else "as declared"
    yield judged("topic settings", not wrong, differences, "lianyun topics plan; lianyun topics apply")


def _access(admin: Any, declaration: Declaration, network: str) -> Check:
    try:
        missing = access.missing_grants(admin, access.grants(declaration))
    except cluster.ClusterError:
        mend = "set authorizer.class.name at the brokers; lianyun topics apply --access"
        return judged(
            "access rules", network != "prod", "none are in force: everyone may write everywhere", mend
        )
    found = f"{len(missing)} are missing" if missing else "as declared"
    return judged("access rules", not missing, found, "lianyun topics apply --access")


def present(bootstrap: str, security: Mapping[str, Any]) -> dict[str, int]:
    """The number of partitions of each topic at the broker, the internal ones left out. Blocks; raises ClusterError."""
    with cluster.admin_client(bootstrap, security) as admin:
        return {
            topic["name"]: len(topic["partitions"])
            for topic in admin.describe_topics()
            if not topic["is_internal"]
        }


def log_states(
    admin: Any, log: LogReader, partitions: Mapping[PartitionId, Mark | None]
) -> dict[PartitionId, LogState]:
    """The state of existing ``partitions`` at the broker, with the record at each mark. Blocks."""
    described = admin.describe_topics(sorted({partition.topic for partition in partitions}))
    ids = {topic["name"]: str(topic["topic_id"]) for topic in described if not topic["error_code"]}
    there = [TopicPartition(*partition) for partition in partitions if partition.topic in ids]
    if not there:
        return {}
    begins = admin.list_partition_offsets(dict.fromkeys(there, OffsetSpec.EARLIEST))
    ends = admin.list_partition_offsets(dict.fromkeys(there, OffsetSpec.LATEST))
    found = log.found({where: mark for where, mark in partitions.items() if mark and where.topic in ids})
    return {
        (where := PartitionId(*tp)): LogState(
            ids[tp.topic], begins[tp].offset, ends[tp].offset, found.get(where)
        )
        for tp in there
    }


def compared(
    bootstrap: str, security: Mapping[str, Any], partitions: Mapping[PartitionId, Mark | None]
) -> dict[PartitionId, LogState]:
    """:func:`log_states` on a connection of its own. Raises ClusterError."""
    log = LogReader({"bootstrap_servers": bootstrap.split(","), **security})
    with cluster.admin_client(bootstrap, security) as admin:
        return log_states(admin, log, partitions)
