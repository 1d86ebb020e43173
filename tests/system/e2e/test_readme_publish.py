"""README's section on publishing, followed to the letter in a fresh platform: what a newcomer sees after each command."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.testbed.localstack.platform import Platform
from tests.support.terminal.user import User

pytestmark = pytest.mark.integration
README = Path(__file__).resolve().parents[3] / "README.md"


def steps() -> list[tuple[str, str]]:
    """The files that the section shows, ("file", name and content), and its commands, in their order."""
    section = README.read_text(encoding="utf-8").partition("\n## Publish\n")[2].partition("\n## ")[0]
    block = section.partition("```\n")[2].partition("```")[0]
    found = []
    for line in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        command, _, rest = line.partition("\n")
        if command.startswith("cat "):
            record = json.loads(rest)  # one line, broken for reading
            found.append(("file", f"{command.split()[1]} {json.dumps(record)}"))
        else:
            found.append(("run", command.partition(" # ")[0]))
    return found


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    with Platform(workers=1) as platform:
        yield User(tmp_path, platform.worker_environment())


def test_the_first_publish_is_seen_and_so_is_what_it_lacks(user: User) -> None:
    shown: list[str] = []
    for kind, text in steps():
        if kind == "file":
            name, _, line = text.partition(" ")
            (user.folder / name).write_text(line + "\n")
            continue
        program, *command = shlex.split(text)
        assert program == "lianyun"
        named = [word for word in command if word.endswith((".jsonl", ".xlsx", "/"))]
        if not all((user.folder / name).exists() for name in named):
            continue  # of what a partner has of its own
        if command[0] != "track":
            user.run(*command)
            continue
        if not shown:
            # Its facts are known, wait for a consignment, and nothing says that there is none of them.
            user.until(lambda: "dep-7741" in user.run("events", "tail", "--no-follow"))
            shown.append(user.run(*command, code=5))
            continue
        user.until(lambda words=command: user.tried(*words)[0] == 0, 60)  # type: ignore[misc]
        shown.append(user.run(*command))
    first, last = shown
    assert "CSQU3054383 belongs to no consignment yet" in first
    assert "cre.link.consignment_opened.v1" in first
    fact = ("2025-09-10T02:55:00Z", "movement.departed", "Dostyk", "ktz", "SIGNED_BY_AUTHORITY")
    for part in fact:
        assert part in first, first
        assert part in last, last
    assert re.search(r"where +movement.departed at Dostyk", last), last
