"""Grafana dashboards in files of JSON, and their panels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.monitoring.dashboards.substitution import Context, plain

# Grafana's grid: 24 columns; a row of it is 30 pixels high with 8 between.
ROW, GAP = 30, 8
KINDS = {
    "prometheus": "prometheus",
    "postgres": "postgres",
    "grafana-postgresql-datasource": "postgres",
    "grafana-postgres-datasource": "postgres",
}


class BoardError(Exception):
    """A dashboard or panel is missing or unusable; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard: the name of its file, and its body in Grafana's classic schema."""

    name: str
    body: Mapping[str, Any]

    def panels(self) -> Iterator[Mapping[str, Any]]:
        """All panels, rows and panels in collapsed rows included."""
        for panel in self.body.get("panels", ()):
            yield panel
            yield from panel.get("panels", ())

    def panel(self, number: int) -> Mapping[str, Any]:
        """The panel with the id ``number``. Raises BoardError."""
        for panel in self.panels():
            if panel.get("id") == number:
                return panel
        raise BoardError(f"{self.name} has no panel {number}")

    def height(self) -> int:
        """Pixels of all panels."""
        lowest = max(
            (place["y"] + place["h"] for place in map(_place, self.body.get("panels", ()))), default=1
        )
        return lowest * (ROW + GAP)


def _place(panel: Mapping[str, Any]) -> Mapping[str, int]:
    return {"x": 0, "y": 0, "w": 24, "h": 8, **panel.get("gridPos", {})}


def load_boards(folder: Path, names: tuple[str, ...] = ()) -> list[Board]:
    """The dashboards ``names`` (files or uids, without ``.json``), or all of ``folder``, in order. Raises BoardError."""
    found = {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}
    if not found:
        raise BoardError(f"there is no dashboard in {folder}")
    by_uid = {str(board.body.get("uid")): board for board in found.values()}
    chosen = []
    for name in names or found:
        board = found.get(name.removesuffix(".json")) or by_uid.get(name)
        if board is None:
            raise BoardError(f"there is no dashboard {name!r}; there are {', '.join(found)}")
        chosen.append(board)
    return chosen


def _read(path: Path) -> Board:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise BoardError(f"{path} cannot be read: {problem}") from None
    if not isinstance(body, dict) or not isinstance(body.get("panels"), list):
        raise BoardError(f"{path} is no dashboard of Grafana's classic form: it has no panels")
    return Board(path.stem, body)


def source(panel: Mapping[str, Any], target: Mapping[str, Any], context: Context) -> str:
    """The data source of ``target``: ``prometheus`` or ``postgres``. Raises BoardError for any other."""
    named = target.get("datasource") or panel.get("datasource") or {}
    kind = named.get("type") if isinstance(named, dict) else None
    if kind is None:
        # By uid alone: a variable of a data source holds its kind in the preview.
        kind = plain(str(named.get("uid") if isinstance(named, dict) else named), context)
    try:
        return KINDS[kind]
    except KeyError:
        raise BoardError(
            f"the data source {kind!r} is not known here, only Prometheus and Postgres"
        ) from None
