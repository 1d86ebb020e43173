"""The collector's rhythm in a worker."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from services.processors import process
from services.processors.process import collect_on_growth


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


async def kept_after_a_look(growth: int, longest: float) -> bool:
    task = asyncio.create_task(collect_on_growth(0.05, growth, longest))
    await asyncio.sleep(0.01)
    assert not gc.isenabled()
    gone = weakref.ref(Cycle())
    await asyncio.sleep(0.15)
    kept = gone() is not None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return kept


def test_cycles_are_collected_when_memory_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter(range(0, 1_000_000, 1_000))
    monkeypatch.setattr(process, "_peak", lambda: next(peaks))
    assert asyncio.run(kept_after_a_look(growth=1_000, longest=60)) is False


def test_nobody_is_held_up_while_memory_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_peak", lambda: 5_000)
    assert asyncio.run(kept_after_a_look(growth=1_000, longest=60)) is True


def test_after_long_they_are_collected_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_peak", lambda: 5_000)
    assert asyncio.run(kept_after_a_look(growth=1_000, longest=0.04)) is False


def test_the_old_rhythm_comes_back() -> None:
    asyncio.run(kept_after_a_look(growth=1 << 40, longest=60))
    assert gc.isenabled()


def test_the_peak_is_in_bytes() -> None:
    assert 10 << 20 < process._peak() < 64 << 30
