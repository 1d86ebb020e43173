"""`python -m services.cases`: the follower of cases; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.runtime.imports import loading
from services.runtime.parent_process import end_with_parent


def main() -> None:
    """Follow until SIGTERM. An error ends the process, and whoever supervises it starts it again."""
    end_with_parent(os.environ)
    with loading():
        from services.cases.store.follower import CasesSettings, run
        from services.telemetry.logs import began, configure

    settings = CasesSettings()
    configure(settings.log_format, settings.log_level)
    began("cases", settings.lines())
    run(settings)


if __name__ == "__main__":
    main()
