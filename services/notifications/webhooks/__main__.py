"""`python -m services.notifications.webhooks`: makes and delivers messages until SIGTERM; settings from LIANYUN_* variables."""

from __future__ import annotations

import asyncio
import os
import signal

from services.runtime.imports import loading
from services.runtime.parent_process import end_with_parent


def main() -> None:
    """Work until SIGTERM or SIGINT. An error ends the process, and whoever supervises it starts it again."""
    end_with_parent(os.environ)
    with loading():
        from services.notifications.webhooks.process import work
        from services.notifications.webhooks.settings import WebhookSettings
        from services.telemetry.logs import began, configure

    settings = WebhookSettings()
    configure(settings.log_format, settings.log_level)
    began("webhooks", settings.lines())

    async def until_asked() -> None:
        stop = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        await work(settings, stop)

    asyncio.run(until_asked())


if __name__ == "__main__":
    main()
