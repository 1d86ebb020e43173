"""``python -m services.monitoring.artefacts [--check]``: the files for operators that are made from the typed tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from services.monitoring.alerting.rules import alert_rules, objective_rules
from services.monitoring.metrics_page import page

ROOT = Path(__file__).resolve().parents[2]


def render() -> Mapping[Path, str]:
    """The generated files by their path in the repository; pure."""
    return {
        Path("docs/reference/metrics.md"): page(),
        Path("ops/alerts/alerts.yml"): alert_rules(),
        Path("ops/alerts/objectives.yml"): objective_rules(),
    }


def stale(root: Path = ROOT) -> list[Path]:
    """Which of them are missing or differ."""
    return [
        path
        for path, text in render().items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write what differs (exit 0), or list it with ``--check`` (exit 1 when anything does)."""
    if not {*arguments} <= {"--check"}:
        print("usage: python -m services.monitoring.artefacts [--check]", file=sys.stderr)
        return 2
    old = stale(root)
    for path in old:
        if "--check" in arguments:
            print(f"stale: {path}; run `make schemas`")
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(render()[path], encoding="utf-8")
        print(f"written: {path}")
    return 1 if old and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
