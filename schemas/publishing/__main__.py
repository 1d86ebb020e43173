"""``python -m schemas.publishing [--check]``: regenerate schemas/published/, or list what is stale."""

from __future__ import annotations

import sys

from schemas.publishing.render import render, stale, write


def main(arguments: list[str]) -> int:
    """Write what differs (exit 0), or with ``--check`` list it (exit 1 when anything does); usage errors exit 2."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m schemas.publishing [--check]", file=sys.stderr)
        return 2
    files = render()
    if arguments:
        old = stale(files)
        for path in old:
            print(f"stale: schemas/published/{path}")
        if old:
            print("Run `make schemas`.", file=sys.stderr)
        return 1 if old else 0
    for path in write(files):
        print(f"written: schemas/published/{path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
