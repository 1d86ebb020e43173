"""One dashboard as a picture, with what each of its panels showed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.monitoring.dashboards.preview.browser import picture
from services.monitoring.dashboards.preview.bundle import NotDrawn
from services.monitoring.dashboards.preview.evaluation import Asker
from services.monitoring.dashboards.preview.server import PageServer

HEAD = 64


@dataclass(frozen=True, slots=True)
class Shown:
    """What a panel showed: so many fields and rows, or nothing, or why it could not."""

    panel: str
    type: str
    fields: int
    rows: int
    errors: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether it asked without finding anything."""
        return not self.errors and self.rows == 0 and self.type not in ("row", "text")


def draw(asker: Asker, page: Path, target: Path, width: int, height: int | None = None) -> list[Shown]:
    """Write the dashboard of ``asker`` to ``target`` (PNG), as high as its panels or ``height``; what its panels showed.

    Blocks for some seconds. Raises NotDrawn.
    """
    target.unlink(missing_ok=True)
    with PageServer(page, asker) as server:
        picture(server.url, target, width, height or asker.board.height() + HEAD)
        if not server.report.drawn.is_set():
            raise NotDrawn(
                f"the page of {asker.board.name} did not come to its end; {target} shows how far it came",
                "open the picture; if it is empty, remove ops/preview/dist and try again",
            )
        shown = [
            Shown(each["title"], each["type"], each["fields"], each["rows"], tuple(each["errors"]))
            for each in server.report.panels
        ]
        return shown + [Shown("(annotations)", "row", 0, 0, (each,)) for each in server.report.errors]
