"""The server of the pages: uvicorn with its options, one process or several, TLS where a certificate is given."""

from __future__ import annotations

from typing import Any

import psycopg
import uvicorn
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette

from services.api.connections import BoundedProtocol
from services.api.serving import live, spare_garbage
from services.pages.app import create_app
from services.pages.context import PageContext
from services.pages.settings import PagesSettings
from services.telemetry import logs
from services.telemetry.http import Health, HealthServer


def application() -> Starlette:
    """The application of one process, by the settings of its environment; what uvicorn's processes call."""
    settings = PagesSettings()
    logs.configure(settings.log_format, settings.log_level)
    context = PageContext(settings)
    app = create_app(context)
    if settings.metrics_port is not None and settings.pages_workers == 1:
        HealthServer(
            context.metrics.instruments.registry,
            lambda: live(context),
            lambda: ready(context),
            settings.metrics_host,
            settings.metrics_port,
        ).start()
    spare_garbage()
    return app


def ready(context: PageContext) -> Health:
    """Whether the database answers, too; blocks for up to 2 s."""
    try:
        context.look()
    except (psycopg.Error, PoolTimeout) as problem:
        return Health(False, {"database": type(problem).__name__})
    return live(context)


def options(settings: PagesSettings) -> dict[str, Any]:
    """The options of uvicorn beside the application."""
    found: dict[str, Any] = {
        "host": settings.pages_host,
        "port": settings.pages_port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "lifespan": "on",
        "http": BoundedProtocol,
        "ws": "none",
        "loop": "services.api.connections:Loop",
        "timeout_graceful_shutdown": 10,
    }
    if settings.pages_certificate is not None:
        key = settings.pages_certificate_key
        found["ssl_certfile"] = str(settings.pages_certificate)
        found["ssl_keyfile"] = None if key is None else str(key)
    return found


def serve(settings: PagesSettings) -> None:
    """Serve until SIGINT or SIGTERM; what is asked when they come is still answered."""
    logs.configure(settings.log_format, settings.log_level)
    logs.log_start("pages", settings.lines())
    uvicorn.run(
        "services.pages.serving:application",
        factory=True,
        workers=settings.pages_workers,
        **options(settings),
    )
