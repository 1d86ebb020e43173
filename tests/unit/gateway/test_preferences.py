"""Prefer, as RFC 7240 writes it."""

from __future__ import annotations

import pytest

from services.api.events.request import preferences, wait_of


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], {}),
        (["wait=5"], {"wait": "5"}),
        (
            ["respond-async, Wait=10; x=y", 'handling="strict"'],
            {"respond-async": "", "wait": "10", "handling": "strict"},
        ),
        (["wait=5, wait=9"], {"wait": "5"}),
        ([" , ;,"], {}),
    ],
)
def test_preferences(headers: list[str], found: dict[str, str]) -> None:
    assert preferences(headers) == found


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5), ("99", 10), ("0", 0), ("-1", 0), ("x", 0), ("٣", 0), ("", 0)]
)
def test_wait(text: str, seconds: float) -> None:
    assert wait_of({"wait": text}) == seconds
