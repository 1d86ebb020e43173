"""One dashboard with its variables chosen, and what each of its panels finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.monitoring.dashboards.preview.annotations import Mark, marks
from services.monitoring.dashboards.preview.boards import Board, NoBoard, source
from services.monitoring.dashboards.preview.frames import Frame, Refused
from services.monitoring.dashboards.preview.metrics import Prometheus
from services.monitoring.dashboards.preview.rows import Postgres
from services.monitoring.dashboards.preview.variables import chosen
from services.monitoring.dashboards.ranges import SCRAPE, SECOND, Range, interval, milliseconds
from services.monitoring.dashboards.substitution import Context, Unknown

MARK_STEP = 60 * SECOND


class Asker:
    """Asks for ``board`` in ``span``. ``given`` are values of its variables by name. Raises Refused and Unknown."""

    def __init__(
        self,
        board: Board,
        span: Range,
        metrics: Prometheus,
        rows: Postgres,
        given: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.board = board
        self._metrics, self._rows = metrics, rows
        self._context = chosen(
            board, Context(span, interval(span, 1_000, SCRAPE)), given or {}, metrics, rows
        )

    def opened(self) -> dict[str, Any]:
        """The dashboard as the page opens it: its body, the span of time, and what is chosen of its variables."""
        return {
            "name": self.board.name,
            "dashboard": self.board.body,
            "range": {"from": self._context.span.start, "to": self._context.span.end},
            "variables": {
                name: {"text": " + ".join(each.texts or each.values), "values": each.values}
                for name, each in self._context.variables.items()
            },
        }

    def answered(self, number: int, points: int) -> dict[str, Any]:
        """The frames of a panel that is ``points`` wide, and per query that failed why. Blocks. Raises NoBoard."""
        panel = self.board.panel(number)
        frames: list[Frame] = []
        errors: list[str] = []
        for target in panel.get("targets", ()):
            if target.get("hide"):
                continue
            try:
                frames += self._found(panel, target, points)
            except (Refused, Unknown, NoBoard) as problem:
                errors.append(f"{target.get('refId', '?')}: {problem}")
        return {"frames": [frame.plain() for frame in frames], "errors": errors}

    def marked(self) -> dict[str, Any]:
        """The dashboard's annotations in its span of time, and per query that failed why. Blocks."""
        found: list[Mark] = []
        errors: list[str] = []
        context = replace(self._context, interval=MARK_STEP)
        for annotation in self.board.body.get("annotations", {}).get("list", ()):
            target = {"expr": annotation.get("expr"), **annotation.get("target", {}), "instant": False}
            if annotation.get("builtIn") or not annotation.get("enable", True):
                continue
            try:
                frames = self._found_by(source(annotation, target, context), target, context)
                found += marks(annotation, frames, MARK_STEP)
            except (Refused, Unknown, NoBoard) as problem:
                errors.append(f"annotation {annotation.get('name')}: {problem}")
        return {"marks": [mark.plain() for mark in found], "errors": errors}

    def _found_by(self, whom: str, target: Mapping[str, Any], context: Context) -> list[Frame]:
        return (
            self._rows.frames(target, context)
            if whom == "postgres"
            else self._metrics.frames(target, context)
        )

    def _found(self, panel: Mapping[str, Any], target: Mapping[str, Any], points: int) -> list[Frame]:
        said = target.get("interval") or panel.get("interval")
        least = milliseconds(str(said)) if said else SCRAPE
        most = int(panel.get("maxDataPoints") or points)
        context = replace(self._context, interval=interval(self._context.span, most, least))
        return self._found_by(source(panel, target, context), target, context)
