"""`python -m services.processors`: one worker in this process; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.runtime.process import startup_imports


def main() -> None:
    """Run one worker until SIGTERM; never returns."""
    with startup_imports():
        from services.ledger.dead_letters.batch import LetterSettings
        from services.ledger.storage import points
        from services.processors.admission import EventAdmitter
        from services.processors.ledger_store import LedgerStore
        from services.processors.process import run
        from services.processors.settings import admission_settings

    points.install_from(os.environ)
    run(
        lambda settings, name: LedgerStore(
            settings.dsn.get_secret_value(),
            name,
            LetterSettings(per_hour=settings.letters_per_hour),
            admission=admission_settings(settings.network),
        ),
        lambda settings: EventAdmitter(admission_settings(settings.network)),
    )


if __name__ == "__main__":
    main()
