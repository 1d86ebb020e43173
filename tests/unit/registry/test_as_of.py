"""The registry of an earlier version is the fold of the events up to it, whatever was asked for before."""

from __future__ import annotations

import random

import pytest

from schemas.events.base import Role
from services.ledger.registry.events import PartyAdded, RecordedEvent
from services.ledger.registry.fold import fold
from services.ledger.registry.registry import RegistryError
from services.ledger.registry.store import RegistryHistory


def recorded(count: int) -> list[RecordedEvent]:
    return [
        RecordedEvent(
            version,
            0,
            "test",
            PartyAdded(
                code=f"party{version}",
                name="Party",
                roles=frozenset({Role.OPERATOR}),
                sources=frozenset({f"urn:{version}"}),
            ),
        )
        for version in range(1, count + 1)
    ]


def test_each_version_is_the_fold_up_to_it_in_whatever_order_they_are_asked_for() -> None:
    events = recorded(30)
    history = RegistryHistory(events, capacity=4)
    wanted = [*range(31)] * 2
    random.Random(1).shuffle(wanted)
    for version in wanted:
        assert history.at(version) == fold(each.event for each in events[:version])
    assert history.newest().version == history.version == 30


def test_a_version_that_never_was_is_an_error() -> None:
    history = RegistryHistory(recorded(2))
    for version in (3, -1):
        with pytest.raises(LookupError, match="never had version"):
            history.at(version)


def test_a_gap_is_an_error_that_names_the_version() -> None:
    events = recorded(3)
    del events[1]
    with pytest.raises(RegistryError, match="Version 2"):
        RegistryHistory(events)
