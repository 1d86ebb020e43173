"""What fsck does not cover is documented as it is tested."""

from __future__ import annotations

from pathlib import Path

from tests.support.damage.uncovered import documented

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "fsck.md"


def test_the_page_names_what_is_not_covered_with_the_reasons() -> None:
    assert documented() in PAGE.read_text(encoding="utf-8")
