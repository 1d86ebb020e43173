"""The tracking pages of the stories as a server on a port of its own, without a database: ``/25?lang=zh``."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from services.pages.edge import HEADERS
from services.pages.localization import localizations
from services.pages.rendering import Templates, static_files
from services.pages.routes.tracking import page_values, printed_code
from services.pages.tracking.forecast import ShownForecast
from services.runtime.ports import free_port
from tests.stories.story import stories
from tests.support.story_views import story_views

STATIC = static_files()
TEMPLATES = {code: Templates(l10n, STATIC) for code, l10n in localizations().items()}
NOBODY: Any = SimpleNamespace(party=lambda _code: None)
COMMON: dict[str, Any] = {
    "viewer": None,
    "sign_in": "",
    "shared": None,
    "in_language": lambda code: f"?lang={code}",
    "address": "https://track.example/track/told",
    "code": printed_code("https://track.example/track/told"),
}


def story_page(code: str, known: Any, body: dict[str, Any], forecast: ShownForecast | None = None) -> bytes:
    """The tracking page of a view in that language, as somebody who may see everything is shown it."""
    places = () if known.view.route is None else known.view.route.places
    values = page_values(body, places, known.as_of, NOBODY, forecast)
    templates, summary = TEMPLATES[code], values["summary"]
    frame = {
        "reference": summary.reference,
        "phase": summary.phase,
        "content": templates.part("tracking_content.html", values).at(known.as_of, localizations()[code]),
    }
    return templates.render("tracking.html", {**COMMON, **values, **frame})


class StoryPages:
    """A context manager; ``url`` is where it listens."""

    def __enter__(self) -> StoryPages:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        routes = [Route("/static/{digest}/{name}", self._static), Route("/{number}", self._page)]
        config = uvicorn.Config(
            Starlette(routes=routes), host="127.0.0.1", port=port, log_config=None, lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="stories", daemon=True)
        self._thread.start()
        end = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < end, "the stories are not served"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    def _page(self, request: Request) -> Response:
        number = request.path_params["number"]
        story = next((each for each in stories() if each.slug.startswith(f"{number}_")), None)
        if story is None:
            return Response(status_code=404)
        known, body = next(story_views(story))
        return HTMLResponse(story_page(request.query_params.get("lang", "en"), known, body), headers=HEADERS)

    def _static(self, request: Request) -> Response:
        found = STATIC[request.path_params["name"]]
        return Response(found.content, media_type=found.media_type)
