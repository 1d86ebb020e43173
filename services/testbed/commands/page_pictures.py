"""Pictures of the pages over the world of a demo, as people see them: on a desk in English, on a phone in Chinese."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from schemas.rfc3339 import format_micros
from services.api.access import share_links
from services.domain.facts import Micros
from services.ledger.storage.session import open_session
from services.query.views import SourcedView
from services.testbed.bench.line_film import ARGUMENTS, chromium

_WEEK = 7 * share_links.DAY


class Device(NamedTuple):
    """What a picture is looked at with: size in pixels of the page, and the language."""

    name: str
    width: int
    height: int
    language: str


DEVICES = (Device("desk-en", 1280, 900, "en"), Device("phone-zh", 390, 844, "zh"))


def write_pictures(folder: Path, dsn: str, pages: str, shown: SourcedView, at: Micros) -> list[Path]:
    """Write the line at the moment ``at`` and the tracking page of ``shown``, by a share link, as PNG; the files.

    ``pages`` is where the pages are. Blocks for some seconds. Raises StackError without Chromium.
    """
    browser = chromium()
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        "line": f"/line?{urlencode({'at': format_micros(at)}, safe=':')}",
        "tracking": _shared(dsn, shown),
    }
    written = []
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=browser, args=list(ARGUMENTS))
        try:
            for device in DEVICES:
                page = started.new_page(viewport={"width": device.width, "height": device.height})
                for name, path in wanted.items():
                    mark = "&" if "?" in path else "?"
                    page.goto(f"{pages}{path}{mark}lang={device.language}")
                    page.wait_for_load_state("networkidle")
                    written.append(folder / f"{name}-{device.name}.png")
                    page.screenshot(path=written[-1])
        finally:
            started.close()
    return written


def _shared(dsn: str, shown: SourcedView) -> str:
    """The path of a new link to the consignment, made by who founded it."""
    consignment = shown.view.consignment
    with open_session(dsn) as session:
        row = session.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetchone()
        assert row is not None
        _, token = share_links.make(
            session,
            consignment=consignment.id,
            reference=consignment.key,
            party=min(shown.view.founders),
            made_by="demo",
            fields=share_links.SHAREABLE,
            now=row[0],
            expires=row[0] + _WEEK,
        )
        session.commit()
    return f"/s/{token}"
