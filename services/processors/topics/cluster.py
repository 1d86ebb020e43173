"""The topics of a cluster compared with their declaration and altered, through kafka-python's admin client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from services.processors.topics.declaration import Declaration


@dataclass(frozen=True, slots=True)
class Observed:
    """A topic of the cluster: partition count and effective configuration."""

    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CreateTopic:
    """The topic is missing."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]

    def __str__(self) -> str:
        return f"create {self.name} ({self.partitions} partitions, {self.replication_factor} replicas)"


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """The topic has too few partitions."""

    name: str
    present: int
    wanted: int

    def __str__(self) -> str:
        return f"add partitions to {self.name}: {self.present} -> {self.wanted}"


@dataclass(frozen=True, slots=True)
class SetConfig:
    """A setting of the topic differs."""

    name: str
    key: str
    present: str | None
    wanted: str

    def __str__(self) -> str:
        return f"set {self.key} of {self.name}: {self.present} -> {self.wanted}"


Action: TypeAlias = CreateTopic | AddPartitions | SetConfig


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes to make (``actions``), differences that cannot be resolved (``conflicts``), and undeclared topics."""

    actions: tuple[Action, ...]
    conflicts: tuple[str, ...]
    undeclared: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether the cluster is as declared."""
        return not self.actions and not self.conflicts


def plan(
    declaration: Declaration, observed: Mapping[str, Observed], replication_factor: int | None = None
) -> Plan:
    """The plan that brings ``observed`` (by topic name) to the declaration. Pure, and used by ``plan`` and ``apply`` alike.

    ``replication_factor`` overrides the declared one for new topics; that of existing topics is left alone.
    """
    actions: list[Action] = []
    conflicts: list[str] = []
    partitions = declaration.defaults.partitions
    replicas = replication_factor or declaration.defaults.replication_factor
    for topic in declaration.topics:
        config = declaration.config_of(topic)
        present = observed.get(topic.name)
        if present is None:
            actions.append(CreateTopic(topic.name, partitions, replicas, config))
            continue
        if present.partitions < partitions:
            actions.append(AddPartitions(topic.name, present.partitions, partitions))
        elif present.partitions > partitions:
            conflicts.append(
                f"{topic.name} has {present.partitions} partitions, {partitions} are declared: partitions cannot be "
                "taken away; declare the larger number for all topics"
            )
        for key, wanted in sorted(config.items()):
            if present.config.get(key) != wanted:
                actions.append(SetConfig(topic.name, key, present.config.get(key), wanted))
    undeclared = sorted(
        name for name in observed if name.startswith("cre.") and name not in declaration.names()
    )
    return Plan(tuple(actions), tuple(conflicts), tuple(undeclared))


class ClusterError(Exception):
    """The cluster could not be reached or refused a change; the text says which and what to do."""


@contextmanager
def admin_client(bootstrap: str, connection: Mapping[str, object] | None = None) -> Iterator[Any]:
    """Yield an admin client; ``connection`` holds further settings of kafka-python (security). Raises ClusterError."""
    options: dict[str, object] = {
        "bootstrap_timeout_ms": 15_000,
        "request_timeout_ms": 30_000,
        **(connection or {}),
    }
    try:
        client = KafkaAdminClient(bootstrap_servers=bootstrap, **options)
    except KafkaError as failure:
        raise ClusterError(
            f"no broker answers at {bootstrap} ({type(failure).__name__}). Check that it runs and that the address "
            "is right; with SASL a wrong password looks the same"
        ) from failure
    try:
        yield client
    except KafkaError as failure:
        raise ClusterError(f"{bootstrap}: {type(failure).__name__}: {failure}") from failure
    finally:
        client.close()


def observe(admin: Any) -> dict[str, Observed]:
    """Every topic but the internal ones: name -> partitions and effective configuration. Blocks."""
    described = [topic for topic in admin.describe_topics() if not topic["is_internal"]]
    if not described:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic["name"]) for topic in described]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        topic["name"]: Observed(
            len(topic["partitions"]),
            {
                key: value["value"]
                for key, value in configs[topic["name"]].items()
                if value["value"] is not None
            },
        )
        for topic in described
    }


def make_plan(admin: Any, declaration: Declaration, replication_factor: int | None = None) -> Plan:
    """The changes that bring the cluster to the declaration. Blocks; read-only."""
    return plan(declaration, observe(admin), replication_factor)


def execute_plan(admin: Any, wanted: Plan) -> None:
    """Execute ``wanted``; blocks until new topics have leaders. Idempotent, also after a partial failure."""
    created = [action for action in wanted.actions if isinstance(action, CreateTopic)]
    if created:
        topics = {
            action.name: {
                "num_partitions": action.partitions,
                "replication_factor": action.replication_factor,
                "configs": dict(action.config),
            }
            for action in created
        }
        try:
            admin.create_topics(topics, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            # Another `apply` runs concurrently; the next comparison shows whether its result is the same.
            time.sleep(1)
    more = {action.name: action.wanted for action in wanted.actions if isinstance(action, AddPartitions)}
    if more:
        admin.create_partitions(more)
    settings: dict[str, dict[str, str]] = {}
    for action in wanted.actions:
        if isinstance(action, SetConfig):
            settings.setdefault(action.name, {})[action.key] = action.wanted
    if settings:
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, name, changed) for name, changed in settings.items()
        ]
        answers = admin.alter_configs(resources)["topic"]
        refused = {name: answer for name, answer in answers.items() if answer != "OK"}
        if refused:
            raise ClusterError("; ".join(f"{name}: {answer}" for name, answer in sorted(refused.items())))


def apply(
    bootstrap: str,
    declaration: Declaration,
    replication_factor: int | None = None,
    connection: Mapping[str, object] | None = None,
) -> Plan:
    """Bring the cluster at ``bootstrap`` to the declaration and return what was done; idempotent.

    Blocks until new topics are writable. Raises ClusterError, also for a conflict or where something still differs afterwards.
    """
    with admin_client(bootstrap, connection) as admin:
        wanted = make_plan(admin, declaration, replication_factor)
        if wanted.conflicts:
            raise ClusterError("; ".join(wanted.conflicts))
        execute_plan(admin, wanted)
        if wanted.actions:
            _await_done(admin, declaration, replication_factor)
        return wanted


def _await_done(
    admin: Any, declaration: Declaration, replication_factor: int | None, patience: float = 60.0
) -> None:
    # Changes reach the broker's metadata a moment after they were accepted.
    until = time.monotonic() + patience
    while True:
        left = make_plan(admin, declaration, replication_factor)
        if left.done:
            return
        if time.monotonic() > until:
            raise ClusterError("still to do: " + "; ".join(str(action) for action in left.actions))
        time.sleep(0.1)
