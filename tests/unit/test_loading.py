"""Garbage is left alone while a process imports what it needs, and only then."""

from __future__ import annotations

import gc

import pytest

from services.runtime.process import imports_without_gc


def test_garbage_is_collected_again_afterwards_also_when_an_import_fails() -> None:
    seen = [gc.isenabled()]

    def fails() -> None:
        with imports_without_gc():
            seen.append(gc.isenabled())
            raise ImportError

    with pytest.raises(ImportError):
        fails()
    assert [*seen, gc.isenabled()] == [True, False, True]


def test_whoever_does_without_goes_on_without() -> None:
    gc.disable()
    try:
        with imports_without_gc():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
