"""Which partitions of a group's topics nobody has, by what the broker says of both."""

from __future__ import annotations

from typing import Any

from services.ledger.storage.ledger_protocol import PartitionId
from services.processors.log_reader import unassigned


def topic(name: str, partitions: int) -> dict[str, Any]:
    return {"name": name, "partitions": [{"partition_index": number} for number in range(partitions)]}


def group(state: str, *members: dict[str, list[int]] | None) -> dict[str, Any]:
    def assignment(held: dict[str, list[int]] | None) -> dict[str, Any] | None:
        if held is None:
            return None
        return {"assigned_partitions": [{"topic": name, "partitions": has} for name, has in held.items()]}

    return {"group_state": state, "members": [{"member_assignment": assignment(held)} for held in members]}


TOPICS = [topic("a", 2), topic("b", 1)]


def test_what_no_member_has_is_unassigned() -> None:
    assert unassigned(TOPICS, group("Stable", {"a": [0], "c": [0]}, {"a": [1]})) == {PartitionId("b", 0)}
    assert unassigned(TOPICS, group("Stable", {"a": [0, 1]}, {"b": [0]})) == frozenset()


def test_a_member_without_partitions_has_none() -> None:
    assert unassigned(TOPICS, group("Stable", {"a": [0, 1], "b": [0]}, None, {})) == frozenset()


def test_an_assignment_that_cannot_be_read_says_nothing() -> None:
    unread = {"group_state": "Stable", "members": [{"member_assignment": b"?"}]}
    assert unassigned(TOPICS, unread) == frozenset()


def test_nothing_is_known_while_the_group_forms() -> None:
    for state in ("PreparingRebalance", "CompletingRebalance", "Empty", "Dead"):
        assert unassigned(TOPICS, group(state)) == frozenset()
