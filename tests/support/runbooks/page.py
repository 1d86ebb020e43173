"""A runbook as a list of steps: the commands in its blocks, under the headings that they stand under. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_HEADING = re.compile(r"^## (.+)$")
_EXPECTED = re.compile(r"\s+# exits (\d+)\b.*$")
_VARIABLE = re.compile(r"\$\{?([A-Z][A-Z_]*)")


@dataclass(frozen=True, slots=True)
class Command:
    """One command line of a block, and the exit code that the page says it has."""

    text: str
    exits: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """The commands of one fenced block, in order, under the heading ``section``."""

    section: str
    commands: tuple[Command, ...]

    def script(self) -> str:
        """The block for bash: it ends at the first command whose exit code is not the one that the page says."""
        return "set -eu -o pipefail\n" + "\n".join(map(_line, self.commands)) + "\n"


def blocks(page: Path) -> list[Block]:
    """The blocks of ``page`` in order; a line that ends with a backslash goes on in the next."""
    section, found = "", []
    held: list[str] | None = None
    for line in page.read_text(encoding="utf-8").splitlines():
        if held is None and (heading := _HEADING.match(line)):
            section = heading[1]
        elif line.strip() == "```":
            if held is None:
                held = []
            else:
                found.append(Block(section, _commands(held)))
                held = None
        elif held is not None:
            held.append(line.strip())
    assert held is None, f"{page.name}: a block that does not end"
    return found


def variables(page: Path) -> tuple[set[str], set[str]]:
    """The variables that the commands of ``page`` use, and those that its table "Set first" explains."""
    used = {
        name for block in blocks(page) for each in block.commands for name in _VARIABLE.findall(each.text)
    }
    return used, set(re.findall(r"^\| `([A-Z][A-Z_]*)` \|", page.read_text(encoding="utf-8"), re.MULTILINE))


def _commands(lines: list[str]) -> tuple[Command, ...]:
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return tuple(_command(line) for line in joined if line)


def _command(line: str) -> Command:
    expected = _EXPECTED.search(line)
    text = re.sub(r"\s+# .*$", "", line)
    return Command(text, int(expected[1]) if expected else 0)


def _line(command: Command) -> str:
    if not command.exits:
        return command.text
    return f"code=0; {command.text} || code=$?; test $code -eq {command.exits} || exit 99"
