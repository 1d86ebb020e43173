"""The platforms that the stories run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from services.testbed.localstack.engine import DatabaseAddress
from tests.support.financing.platform import Platform
from tests.support.financing.stored_world import Stored, emptied, events_of, stories_database
from tests.support.financing.stories import Case
from tests.support.financing.world import World

Begin = Callable[[Case], Platform]


@pytest.fixture(scope="session")
def database_of_stories(postgres: DatabaseAddress) -> str:
    return stories_database(postgres, "financing_stories")


@pytest.fixture(params=["memory", pytest.param("database", marks=pytest.mark.integration)])
def begin(request: pytest.FixtureRequest) -> Iterator[Begin]:
    """Begin a story: in memory, and in an empty database."""
    if request.param == "memory":
        yield lambda case: World(heard=case.heard(), judged=case.judged)
        return
    begun: list[Stored] = []
    address = emptied(request.getfixturevalue("database_of_stories"))

    def stored(case: Case) -> Platform:
        begun.append(Stored(address, events_of(case), judged=case.judged))
        begun[-1].begin()
        begun[-1].judge()
        return begun[-1]

    yield stored
    for each in begun:
        each.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The ordinary run plays every third story in a database."""

    def in_database(item: pytest.Item) -> bool:
        return (
            isinstance(item, pytest.Function)
            and getattr(item, "callspec", None) is not None
            and (item.callspec.params.get("begin") == "database")
        )

    played = [item for item in items if in_database(item)]
    for number, item in enumerate(played):
        if number % 3:
            item.add_marker(pytest.mark.long)
