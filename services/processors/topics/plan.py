"""Compares the declared topics with those of a cluster: pure, so that ``plan`` and ``apply`` cannot differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from services.processors.topics.declaration import Declaration


@dataclass(frozen=True, slots=True)
class Observed:
    """A topic as a cluster has it: its partition count and its effective configuration."""

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
    """What has to happen (``actions``), what cannot (``conflicts``), and topics that nobody declared."""

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
    """Return the plan that brings ``observed`` (topic name -> as it is) to the declaration.

    ``replication_factor`` overrides the declared one for topics to be created; of existing topics it is left alone.
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
