"""`python -m services.notifications.webhooks`: make and deliver messages until SIGTERM; settings from LIANYUN_* variables."""

from __future__ import annotations

from services.runtime.process import log_start, startup_imports


def main() -> None:
    """Work until SIGTERM or SIGINT. An error ends the process, to be restarted by its supervisor."""
    with startup_imports():
        from services.notifications.webhooks.process import run
        from services.notifications.webhooks.settings import WebhookSettings

    run(log_start("webhooks", WebhookSettings()))


if __name__ == "__main__":
    main()
