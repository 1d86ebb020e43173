"""The server: uvicorn with its options, one process or several, TLS where a certificate is given."""

from __future__ import annotations

import gc
import logging
import ssl
import sys
import time
from typing import Any, Protocol

import psycopg
import uvicorn
from fastapi import FastAPI
from psycopg_pool import PoolTimeout

from services.api.app import create_app
from services.api.connections import BoundedProtocol, CertifiedProtocol
from services.api.context import Context
from services.api.settings import ApiSettings
from services.telemetry import logs
from services.telemetry.http import Health, HealthServer

log = logging.getLogger(__name__)
_STUCK_AFTER = 30.0
_GARBAGE = (10_000, 20, 20)  # requests leave next to none: it is looked for a tenth as often as usual


def application() -> FastAPI:
    """The application of one process, by the settings of its environment; what uvicorn's processes call."""
    settings = ApiSettings()
    logs.configure(settings.log_format, settings.log_level)
    # Threads prove signatures while the loop wants to answer: it waits for the interpreter a tenth as long as usual.
    sys.setswitchinterval(0.0005)
    context = Context(settings)
    context.metrics.serves_with(settings.api_certificate)
    app = create_app(context)
    if settings.metrics_port is not None and settings.api_workers == 1:
        HealthServer(
            context.metrics.instruments.registry,
            lambda: live(context),
            lambda: ready(context),
            settings.metrics_host,
            settings.metrics_port,
        ).start()
    spare_garbage()
    return app


class Turning(Protocol):
    """Knows when its event loop last came round, on the monotonic clock."""

    turned: float


def live(context: Turning) -> Health:
    """Whether the event loop still comes round, as `/health/live` on the port of the metrics says it, without TLS."""
    idle = time.monotonic() - context.turned
    return Health(idle < _STUCK_AFTER, {"idle_seconds": round(idle, 1)})


def ready(context: Context) -> Health:
    """Whether the database answers, too; blocks for up to 2 s."""
    try:
        context.look()
    except (psycopg.Error, PoolTimeout) as problem:
        return Health(False, {"database": type(problem).__name__})
    return live(context)


def spare_garbage() -> None:
    """What is loaded by now stays: it is not looked through again and again for garbage, and the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)


def options(settings: ApiSettings) -> dict[str, Any]:
    """The options of uvicorn beside the application."""
    found: dict[str, Any] = {
        "host": settings.api_host,
        "port": settings.api_port,
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
    if settings.api_certificate is not None:
        found["ssl_certfile"] = str(settings.api_certificate)
        found["ssl_keyfile"] = (
            None if settings.api_certificate_key is None else str(settings.api_certificate_key)
        )
        if settings.api_client_ca is not None:
            found["ssl_ca_certs"] = str(settings.api_client_ca)
            found["ssl_cert_reqs"] = ssl.CERT_OPTIONAL
            found["http"] = CertifiedProtocol
    return found


def serve(settings: ApiSettings) -> None:
    """Serve until SIGINT or SIGTERM; what is asked when they come is still answered."""
    logs.configure(settings.log_format, settings.log_level)
    logs.log_start("api", settings.lines())
    uvicorn.run(
        "services.api.serving:application", factory=True, workers=settings.api_workers, **options(settings)
    )
