"""Every `lianyun` command that a page shows exists as it is written there, with its options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[3]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(lianyun [^`]+)`")


def commands(page: Path) -> Iterator[str]:
    """Commands in blocks (joined where a line goes on) and within the text; `# ...` behind them is left out."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            told = line.removeprefix("$ ").strip()
            if told.startswith("lianyun "):
                yield told
    for found in INLINE.findall(BLOCK.sub("", text)):
        yield " ".join(found.split())


SHOWN = [(page.name, command) for page in PAGES for command in dict.fromkeys(commands(page))]


@pytest.mark.parametrize(("page", "text"), SHOWN, ids=[f"{page}: {text[:60]}" for page, text in SHOWN])
def test_a_documented_command_is_one(page: str, text: str) -> None:
    words = [word for word in shlex.split(text, comments=True) if word not in ("...", "…")][1:]
    if "<" in words:
        words = words[: words.index("<")]
    assert words, text
    listed = COMMANDS.get(words[0])
    assert listed is not None, f"{page}: there is no command `{words[0]}`"
    command: Any = listed.load(words.pop(0))
    while hasattr(command, "get_command"):
        if not words:
            return  # a page speaks of the group: `lianyun party`
        found = command.get_command(None, words[0])
        if found is None:
            assert command.invoke_without_command, f"{page}: there is no `{words[0]}` in `{text}`"
            break
        words.pop(0)
        command = found
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.partition("=")[0] in known, f"{page}: `{text}` has no option {word}"


def test_all_pages_were_looked_at() -> None:
    assert {page for page, _ in SHOWN} >= {"README.md", "partners.md", "partners-messages.md", "operators.md"}
    assert len(SHOWN) > 40
