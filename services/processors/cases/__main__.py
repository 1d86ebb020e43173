"""`python -m services.processors.cases`: the follower of cases; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.loading import loading
from services.processors.parentage import end_with_parent


def main() -> None:
    """Follow until SIGTERM. An error ends the process, and whoever supervises it starts it again."""
    end_with_parent(os.environ)
    with loading():
        from services.observability.logs import began, configure
        from services.processors.cases.store.follower import CasesSettings, run

    settings = CasesSettings()
    configure(settings.log_format, settings.log_level)
    began("cases", settings.lines())
    run(settings)


if __name__ == "__main__":
    main()
