"""`python -m services.credit`: the follower of the credit signals; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.runtime.imports import loading
from services.runtime.parent_process import end_with_parent


def main() -> None:
    """Follow until SIGTERM. An error ends the process, and whoever supervises it starts it again."""
    end_with_parent(os.environ)
    with loading():
        from services.credit.store.follower import FollowerSettings, run
        from services.telemetry.logs import began, configure

    settings = FollowerSettings()
    configure(settings.log_format, settings.log_level)
    began("credit", settings.lines())
    run(settings)


if __name__ == "__main__":
    main()
