"""The process that makes notices and sends mail; any number of it may run.

One thread looks at subscriptions, one sends. All state is in the database, so kill -9 loses nothing.
"""

from __future__ import annotations

import logging
import threading

from services.pages.subscriptions.delivery import MailFollower, Point, no_op
from services.pages.subscriptions.follower import NoticeFollower
from services.pages.subscriptions.settings import NotificationSettings
from services.pages.subscriptions.telemetry import NotificationMetrics
from services.runtime.follower import FollowerThread, serving_health, stopped_by_signals
from services.telemetry.http import Health

log = logging.getLogger(__name__)


def run(
    settings: NotificationSettings, *, stop: threading.Event | None = None, at_point: Point = no_op
) -> None:
    """Make notices and send until ``stop``, by default until SIGTERM or SIGINT; blocks. Raises what ends the work."""
    ended = stopped_by_signals() if stop is None else stop
    metrics = NotificationMetrics()
    threads = [FollowerThread(NoticeFollower(settings, metrics), "notices", ended.set)]
    if settings.mail_from:
        threads.append(FollowerThread(MailFollower(settings, metrics, at_point), "mail", ended.set))
    else:
        log.warning("mail is off: LIANYUN_MAIL_FROM is empty; feeds go on", extra={"action": "mail_off"})
    with serving_health(
        metrics.instruments.registry,
        lambda: Health(all(each.failed is None for each in threads)),
        lambda: Health(all(each.is_alive() for each in threads)),
        settings.metrics_host,
        settings.metrics_port,
    ):
        for each in threads:
            each.start()
        ended.wait()
        for each in threads:
            each.stop()
        for each in threads:
            each.join(settings.smtp_timeout + 5)
    for each in threads:
        if each.failed is not None:
            raise each.failed
