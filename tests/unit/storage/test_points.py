"""The points at which a prover stops a process: silent unless asked for, and asked for without doubt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.ledger.storage import points


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    yield
    points.install(None)


def test_nothing_happens_unless_a_hook_is_installed() -> None:
    points.install_from({})
    assert not points.installed()
    points.reach("before_commit")


def test_a_hook_is_told_every_point() -> None:
    seen: list[str] = []
    points.install(seen.append)
    for name in points.NAMES:
        points.reach(name)
    assert seen == list(points.NAMES)


@pytest.mark.parametrize(
    "asked", ["nowhere=kill@1", "after_fence=explode", "after_fence", "after_fence=kill@often"]
)
def test_nonsense_is_refused(asked: str) -> None:
    with pytest.raises(ValueError):
        points.install_from({points.VARIABLE: asked})


def test_a_chance_of_nothing_kills_nobody() -> None:
    points.install_from({points.VARIABLE: "after_fence=kill@0,after_commit=freeze@0"})
    assert points.installed()
    points.reach("after_fence")
