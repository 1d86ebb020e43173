"""The exporter's process: one thread asks the database, a server shows the answers."""

from __future__ import annotations

import threading

from services.monitoring.exporter import border, database, financings, lateness, letters, partners
from services.monitoring.exporter.collector import Answers, Exporter
from services.monitoring.exporter.consignments import Corridors
from services.monitoring.exporter.etas import Etas
from services.monitoring.exporter.sample import Question
from services.monitoring.exporter.settings import ExporterSettings
from services.monitoring.exporter.transitions import Transitions, last_decided
from services.monitoring.exporter.transits import Transits
from services.runtime import follower
from services.telemetry.instruments import Instruments

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
    every = questions(settings)
    answers = Answers(every)
    instruments = Instruments()
    instruments.registry.register(answers)
    exporter = Exporter(settings.dsn.get_secret_value(), every, answers, settings.exporter_timeout)
    host, port = settings.exporter_metrics_host, settings.exporter_metrics_port
    follower.run(exporter, instruments.registry, host, port, _STUCK_AFTER, stop=stop)
