"""`python -m services.pages.subscriptions`: make notices and send mail until SIGTERM; settings from LIANYUN_* variables."""

from __future__ import annotations

from services.runtime.process import log_start, startup_imports


def main() -> None:
    """Work until SIGTERM or SIGINT. An error ends the process, to be restarted by its supervisor."""
    with startup_imports():
        from services.pages.subscriptions.process import run
        from services.pages.subscriptions.settings import NotificationSettings

    run(log_start("notifications", NotificationSettings()))


if __name__ == "__main__":
    main()
