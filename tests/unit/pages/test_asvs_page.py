"""The page on OWASP ASVS names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reference" / "asvs.md"
CHAPTERS = {
    "3": "3.1.1 3.2.1 3.2.2 3.2.3 3.2.4 3.3.1 3.3.2 3.3.3 3.3.4 3.4.1 3.4.2 3.4.3 3.4.4 3.4.5 3.5.1 3.5.2 3.5.3 3.7.1",
    "4": "4.1.1 4.1.2 4.1.3 4.1.5 4.2.1 4.2.2 4.3.1 4.3.2 4.3.3",
    "5": "5.1.1 5.1.2 5.1.3 5.1.4 5.1.5 5.2.1 5.2.2 5.2.3 5.2.4 5.2.5 5.2.6 5.2.7 5.2.8 5.3.1 5.3.2 5.3.3 5.3.4 5.3.5 5.3.6 5.3.7 5.3.8 "
    "5.3.9 5.3.10 5.4.1 5.4.2 5.4.3 5.5.1 5.5.2 5.5.3 5.5.4",
    "7": "7.1.1 7.1.2 7.1.3 7.1.4 7.2.1 7.2.2 7.3.1 7.3.3 7.3.4 7.4.1 7.4.2 7.4.3",
}
"""The requirements of levels 1 and 2 in ASVS 4.0.3."""


def test_every_requirement_of_the_chapters_has_its_line_and_every_test_that_is_named_is_there() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| \d", line)]
    told = {item for row in rows for item in _items(row.split("|")[1])}
    assert {each for items in CHAPTERS.values() for each in items.split()} - told == set()
    named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in named if f"def {name}(" not in written} == set()


def _items(text: str) -> set[str]:
    """The numbers of a cell; ``5.3.1 to 5.3.3`` are three."""
    found = set(re.findall(r"\d+\.\d+\.\d+", text))
    for first, last in re.findall(r"(\d+\.\d+\.\d+) to (\d+\.\d+\.\d+)", text):
        head, _, low = first.rpartition(".")
        found |= {f"{head}.{number}" for number in range(int(low), int(last.rpartition(".")[2]) + 1)}
    return found
