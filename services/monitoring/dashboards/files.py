"""The generated files of ops/dashboards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.monitoring.dashboards.border_board import BORDER_BOARD
from services.monitoring.dashboards.control_tower import CONTROL_TOWER
from services.monitoring.dashboards.definitions import Dashboard
from services.monitoring.dashboards.financing import FINANCING_API
from services.monitoring.dashboards.objectives import OBJECTIVES_BOARD
from services.monitoring.dashboards.partner_quality import PARTNER_QUALITY
from services.monitoring.dashboards.pipeline_health import PIPELINE_HEALTH

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path("ops/dashboards")
DASHBOARDS: tuple[Dashboard, ...] = (
    CONTROL_TOWER,
    BORDER_BOARD,
    PIPELINE_HEALTH,
    PARTNER_QUALITY,
    FINANCING_API,
    OBJECTIVES_BOARD,
)


def render() -> Mapping[Path, str]:
    """The generated files by their path in the repository. ImportError where the SDK is not installed."""
    from services.monitoring.dashboards.grafana import draw

    return {FOLDER / f"{each.name}.json": draw(each) for each in DASHBOARDS}


def stale(root: Path = ROOT) -> list[Path]:
    """The files that are missing, differ, or are no longer generated."""
    made = render()
    differing = [
        path
        for path, text in made.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]
    there = {FOLDER / path.name for path in (root / FOLDER).glob("*.json")}
    return sorted({*differing, *(there - made.keys())})


def write(root: Path = ROOT) -> list[Path]:
    """Write stale files, remove those no longer generated, and return both."""
    made, old = render(), stale(root)
    for path in old:
        if path not in made:
            (root / path).unlink()
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(made[path], encoding="utf-8")
    return old
