"""How smoothly headless Chromium, drawing in software, plays the line, and when the first words of a page stand in it."""

from __future__ import annotations

import gzip
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas import railnet
from schemas.events.base import ObjectKind
from services.api.access.line import VisibleFilm
from services.domain.facts import Micros, Restriction
from services.domain.objects import Thing
from services.domain.rules import HOUR
from services.pages.edge import HEADERS
from services.pages.localization import localizations
from services.pages.rendering import Templates, static_files
from services.pages.routes.line import Period, page_values, placed
from services.query.line.film import Film, cut, picture
from services.query.line.film_json import film_json
from services.query.line.run import Run, State, Stop
from services.runtime.ports import LOOPBACK, free_port
from services.testbed.localstack.process import StackError

Say = Callable[[str], None]
SLOW, LATENCY_MS = 40_000, 150
"""Bytes a second, and milliseconds that a request waits for its answer, of the line of somebody on the way."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SINCE: Micros = 1_757_462_400_000_000  # 2025-09-10T00:00:00Z
DAYS = 23
CLOSED = (2 * 24 * HOUR, 15 * 24 * HOUR)


def bench_line(trains: int, seconds: float, say: Say) -> dict[str, Any]:
    """Play a film with about so many trains on the line at once for ``seconds``; the report. Raises StackError without Chromium."""
    browser = chromium()
    say(f"a film of {DAYS} days with {trains} trains on the line at once ...")
    started = time.monotonic()
    film = _film(trains)
    body = film_json(film)
    made = time.monotonic() - started
    seen = [len(picture(film, SINCE + day * 24 * HOUR)) for day in range(1, DAYS)]
    data = orjson.dumps(placed(dict(body)))
    say(f"playing it in {browser} for {seconds:.0f} s ...")
    with _served(VisibleFilm(film, body), data) as url:
        frames = _played(browser, url, seconds)
    return {
        "trains_at_once": {"least": min(seen), "most": max(seen)},
        "trains": len(film.runs),
        "film_bytes_gzip": len(gzip.compress(data, 6)),
        "film_seconds": round(made, 2),
        **frames,
        "processors": os.cpu_count(),
    }


def chromium() -> Path:
    """The Chromium of this machine; StackError where there is none, or nothing to drive it with."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        raise StackError("there is no Chromium on this machine", "apt-get install chromium")
    try:
        import playwright.sync_api  # noqa: F401  # of the tests' extra: no other command needs it
    except ImportError:
        raise StackError("playwright is not installed", "pip install 'lianyun[dev]'") from None
    return Path(found)


def _film(trains: int) -> Film:
    """Trains that follow one another on all trunks in both directions, and wait where they meet a closed border."""
    corridors = [
        railnet.corridors()[f"{name}-{way}"]
        for name in ("WEST-ALA", "WEST-KHO", "MID-ERE", "EAST-MAN")
        for way in "WE"
    ]
    gap = sum(corridor.run_hours for corridor in corridors) / len(corridors) / trains
    runs = []
    for number in range(int(DAYS * 24 / gap) + trains):
        corridor = corridors[number % len(corridors)]
        runs.append(_run(number, corridor, SINCE + int((number - trains) * gap * HOUR)))
    closed = Restriction(
        bytes(16), "bench", SINCE, "crossing:brest-malaszewicze", "BORDER_CLOSED", "BOTH", (),
        SINCE + CLOSED[0], SINCE + CLOSED[1], True,
    )  # fmt: skip
    return cut(runs, (closed,), SINCE, SINCE + DAYS * 24 * HOUR)


def _run(number: int, corridor: railnet.Corridor, leaves: Micros) -> Run:
    stops = [Stop(corridor.stations[0], leaves - HOUR, leaves, State.STANDS)]
    at = leaves
    for leg, after in pairwise((*corridor.legs, None)):
        assert leg is not None
        at += int(leg.run_hours * HOUR)
        crossing = after.crossing if after is not None else None
        waits = (
            crossing == "brest-malaszewicze"
            and SINCE + CLOSED[0] <= at < SINCE + CLOSED[1]
            and number % 5 == 0
        )
        until = SINCE + CLOSED[1] + number % 97 * HOUR if waits else at
        stops.append(
            Stop(
                leg.to_station,
                at,
                until,
                State.WAITS if waits else State.PASSES,
                crossing if waits and crossing else "",
            )
        )
        at = until
    bound = "WEST" if corridor.id.endswith("-W") else "EAST"
    return Run((Thing(ObjectKind.TRAIN, f"BENCH/{number:05d}/2025-09-10"),), bound, 50, tuple(stops))


@contextmanager
def _served(visible: VisibleFilm, data: bytes) -> Iterator[str]:
    """The page and its film at an address of this machine, with the headers of the pages."""
    files = static_files()
    period = Period(visible.film.since, visible.film.until, None, False)
    common = {"viewer": None, "sign_in": "", "in_language": lambda code: f"?lang={code}"}
    page = Templates(localizations()["en"], files).render(
        "line.html", {**common, **page_values(visible, period, period.until)}
    )

    async def shown(_request: Request) -> Response:
        return Response(page, headers=HEADERS, media_type="text/html")

    async def film(_request: Request) -> Response:
        return Response(data, headers=HEADERS, media_type="application/json")

    async def static(request: Request) -> Response:
        found = files[request.path_params["name"]]
        return Response(found.content, headers=HEADERS, media_type=found.media_type)

    routes = [Route("/line", shown), Route("/line/film", film), Route("/static/{digest}/{name}", static)]
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(Starlette(routes=routes), host=LOOPBACK, port=port, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


_COUNT = """(seconds) => new Promise((done) => {
  const times = [];
  const from = performance.now();
  const look = (now) => {
    times.push(now);
    if (now - from < seconds * 1000) requestAnimationFrame(look);
    else done({frames: times.length - 1, seconds: (times.at(-1) - times[0]) / 1000,
               longest_ms: Math.round(Math.max(...times.slice(1).map((t, n) => t - times[n])))});
  };
  requestAnimationFrame(look);
})"""


def _played(browser: Path, url: str, seconds: float) -> dict[str, Any]:
    """Frames that the browser drew while the film played."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=browser, args=list(ARGUMENTS))
        try:
            page = started.new_page(viewport={"width": 1280, "height": 900})
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.goto(f"{url}/line")
            page.wait_for_selector("#line-controls:not([hidden])")
            page.wait_for_timeout(1_000)
            counted = page.evaluate(_COUNT, seconds)
            moved = page.evaluate("Number(document.getElementById('line-at').value)")
        finally:
            started.close()
    return {
        "frames_per_second": round(counted["frames"] / counted["seconds"], 1),
        "longest_frame_ms": counted["longest_ms"],
        "ticks_played": moved,
        "faults": faults,
    }


_PAINTS = "performance.getEntriesByName('first-contentful-paint')"


def painted(browser: Path, url: str, path: str, cookie: str) -> dict[str, Any]:
    """The second look of a fresh browser with an emptied cache: the first one makes the worker's templates ready."""
    from playwright.sync_api import sync_playwright  # of the tests' extra: no other command needs it

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=browser, args=list(ARGUMENTS))
        try:
            context = started.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
            if cookie:
                name, _, value = cookie.partition("=")
                context.add_cookies([{"name": name, "value": value, "url": url}])
            page = context.new_page()
            page.goto(f"{url}{path}", wait_until="load")
            wire = context.new_cdp_session(page)
            wire.send("Network.enable")
            wire.send("Performance.enable")
            wire.send("Network.clearBrowserCache")
            limits = {
                "offline": False,
                "latency": LATENCY_MS,
                "downloadThroughput": SLOW,
                "uploadThroughput": SLOW,
            }
            wire.send("Network.emulateNetworkConditions", limits)
            received: list[int] = []
            wire.on("Network.loadingFinished", lambda each: received.append(int(each["encodedDataLength"])))
            page.goto(f"{url}{path}", wait_until="load")
            while not page.evaluate(
                f"{_PAINTS}.length"
            ):  # waiting for a function is eval to the policy of the pages
                page.wait_for_timeout(50)
            painted = page.evaluate(f"Math.round({_PAINTS}[0].startTime)")
            metrics = {each["name"]: each["value"] for each in wire.send("Performance.getMetrics")["metrics"]}
        finally:
            started.close()
    busy = round(metrics.get("TaskDuration", 0.0) * 1_000)
    return {"first_contentful_paint_ms": painted, "bytes": sum(received), "browser_ms": busy}
