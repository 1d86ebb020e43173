"""``python -m services.api.publishing [--check] [--break]``: the published description, the pages of problems and of the sandbox."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from services.api.app import described
from services.api.compatibility import broken
from services.api.problems import BASE, KINDS
from services.api.sandbox.page import page

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = Path("schemas/published/openapi.json")
PROBLEMS = Path("docs/reference/api-problems.md")
SANDBOX = Path("docs/reference/sandbox.md")


def render() -> Mapping[Path, bytes]:
    """The generated files by their path in the repository; pure."""
    return {
        DESCRIPTION: (json.dumps(described(), ensure_ascii=False, indent=2) + "\n").encode(),
        PROBLEMS: _problems().encode(),
        SANDBOX: page().encode(),
    }


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write what differs (exit 0), or list it with ``--check`` (exit 1 when anything does).

    What would break a caller of the description that lies there is refused (exit 1), unless ``--break`` says that it must be.
    """
    if not {*arguments} <= {"--check", "--break"}:
        print("usage: python -m services.api.publishing [--check] [--break]", file=sys.stderr)
        return 2
    there = root / DESCRIPTION
    lost = broken(json.loads(there.read_text(encoding="utf-8")), described()) if there.is_file() else []
    if lost and "--break" not in arguments:
        print(f"{DESCRIPTION}: this would break callers:", *lost, sep="\n  ", file=sys.stderr)
        return 1
    old = [
        path
        for path, content in render().items()
        if not (root / path).is_file() or (root / path).read_bytes() != content
    ]
    if "--check" in arguments:
        for path in old:
            print(f"stale: {path}; run `make schemas`")
        return 1 if old else 0
    for path in old:
        (root / path).write_bytes(render()[path])
        print(f"written: {path}")
    return 0


def _problems() -> str:
    lines = [
        "# Problems of the API",
        "",
        "Written by `make schemas` from `services/api/problems.toml`. Every refusal is a document of this form (RFC 9457),",
        "`application/problem+json`; compare `type`, never `title` or `detail`. A type keeps its meaning and its status.",
        "",
        "| type | status | title | what it means for you |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{BASE}{kind.name}` | {kind.status} | {kind.title} | {kind.means} |" for kind in KINDS.values()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
