"""`python -m services.processors`: one worker in this process; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.runtime.imports import loading
from services.runtime.parent_process import end_with_parent


def main() -> None:
    """Run one worker until SIGTERM; never returns."""
    # First of all: the imports below take a second, in which a supervisor may go.
    end_with_parent(os.environ)
    with loading():
        from services.ledger.dead_letters.batch import LetterSettings
        from services.ledger.storage import points
        from services.processors.admission import Judge
        from services.processors.ledger_store import LedgerStore
        from services.processors.process import run
        from services.processors.settings import admission_settings

    points.install_from(os.environ)
    run(
        lambda settings, name: LedgerStore(
            settings.dsn.get_secret_value(), name, LetterSettings(per_hour=settings.letters_per_hour)
        ),
        lambda settings: Judge(admission_settings(settings.network)),
    )


if __name__ == "__main__":
    main()
