"""`python -m services.notifications.webhooks`: makes and delivers messages until SIGTERM; settings from LIANYUN_* variables."""

from __future__ import annotations

from services.runtime.process import began, starting


def main() -> None:
    """Work until SIGTERM or SIGINT. An error ends the process, and whoever supervises it starts it again."""
    with starting():
        from services.notifications.webhooks.process import run
        from services.notifications.webhooks.settings import WebhookSettings

    run(began("webhooks", WebhookSettings()))


if __name__ == "__main__":
    main()
