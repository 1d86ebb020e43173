"""The exporter's process: one thread that asks, one server that shows."""

from __future__ import annotations

import logging
import signal
import threading
import time

from services.monitoring.exporter import border, database, financings, lateness, letters, partners
from services.monitoring.exporter.consignments import Corridors
from services.monitoring.exporter.etas import Etas
from services.monitoring.exporter.poller import Answers, Asker
from services.monitoring.exporter.sample import Question
from services.monitoring.exporter.settings import ExporterSettings
from services.monitoring.exporter.transitions import Transitions, last_decided
from services.monitoring.exporter.transits import Transits
from services.telemetry.http import Health, HealthServer
from services.telemetry.instruments import Instruments

log = logging.getLogger(__name__)
_STUCK_AFTER = 120.0


def questions(settings: ExporterSettings) -> tuple[Question, ...]:
    """All that is asked, the cheap ones first."""
    often = settings.exporter_every
    heard = partners.asking(settings.exporter_silent_after_of, settings.exporter_silent_after)
    return (
        Question("database", often, database.ask),
        Question("partners", often, heard, writes=True),
        Question("letters", often, letters.ask),
        Question("financings", often, financings.ask),
        Question("border", 8 * often, border.Borders().ask),
        Question("dwell", 8 * often, border.dwell),
        Question("transitions", 8 * often, Transitions().ask),
        Question("last decided", settings.exporter_heads_every, last_decided),
        Question("lateness", settings.exporter_heads_every, lateness.asking()),
        Question("consignments", settings.exporter_heads_every, Corridors().ask),
        Question("transits", 4 * settings.exporter_heads_every, Transits().ask),
        Question("etas", 4 * settings.exporter_heads_every, Etas().ask),
    )


def run(settings: ExporterSettings, stop: threading.Event | None = None) -> None:
    """Ask and show until ``stop``, or SIGTERM or SIGINT where none is given; blocks.

    The database may go and come back. An unexpected error ends the process: whoever supervises it starts it again.
    """
    ended = stop or threading.Event()
    if stop is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
    asked = questions(settings)
    answers = Answers(asked)
    asker = Asker(settings.dsn.get_secret_value(), asked, answers, settings.exporter_timeout)
    instruments = Instruments()
    instruments.registry.register(answers)

    def live() -> Health:
        idle = time.monotonic() - asker.looked
        return Health(idle < _STUCK_AFTER, {"idle_seconds": round(idle, 1)})

    server = HealthServer(
        instruments.registry,
        live,
        lambda: Health(asker.connected),
        settings.exporter_metrics_host,
        settings.exporter_metrics_port,
    )
    server.start()
    log.info("metrics on port %d", server.port, extra={"action": "metrics", "port": server.port})
    try:
        asker.run(ended)
    finally:
        server.stop()
