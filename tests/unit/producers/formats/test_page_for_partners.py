"""The page for partners names every message, code and choice that the readers know."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.producers.formats import dcsa, ncts, taf
from services.producers.formats.dcsa.event_types import BOOKING, CODES
from services.producers.formats.ncts import NUMBERS

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "reference" / "partners-messages.md").read_text(
    encoding="utf-8"
)
FORMATS = (*taf.FORMATS, *ncts.FORMATS, *dcsa.FORMATS)


@pytest.mark.parametrize(
    "word",
    [
        *(f"format `{format.name}`" for format in FORMATS),
        *("4005", "4004", "3003"),
        *NUMBERS,
        *CODES,
        *BOOKING,
    ],
)
def test_the_page_names_it(word: str) -> None:
    assert word in PAGE


def test_names_of_formats_are_theirs_alone() -> None:
    assert len({format.name for format in FORMATS}) == len(FORMATS)
