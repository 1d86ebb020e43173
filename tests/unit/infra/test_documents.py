"""What the documents point to is there: links between pages, their headings, and the files and folders that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
AT_THE_ROOT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
DOCUMENTS = [*(ROOT / name for name in AT_THE_ROOT), *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:\.ci|docs|examples|infra|ops|schemas|services|tests)/[\w./-]+)`")
MAKE = re.compile(r"(?:`|^\$ |^)make ([a-z-]+)", re.MULTILINE)
SECTIONS = ["Context", "Decision", "Consequences", "What would change it"]
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("NAME", "NNNN", "infra/secrets", "infra/.env", "infra/settings.env")
"""What stands for a name that the reader chooses, and what a command or the reader makes."""


def anchors(page: Path) -> set[str]:
    """The anchors that a forge makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_names_of_files_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lost = []
    for target in LINK.findall(CODE.sub("", text)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        led = (page.parent / path).resolve() if path else page
        if not led.exists() or (anchor and led.suffix == ".md" and anchor not in anchors(led)):
            lost.append(target)
    lost += [
        name
        for name in NAMED.findall(text)
        if not (ROOT / name).exists() and not any(each in name for each in ELSEWHERE)
    ]
    assert lost == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_sections_on_one_page_and_is_listed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert len(text.splitlines()) <= 60
    assert f"({page.name})" in (page.parent / "README.md").read_text(encoding="utf-8")


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for page in DOCUMENTS for target in MAKE.findall(page.read_text(encoding="utf-8"))}
    assert named
    assert named - targets == set()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 200
