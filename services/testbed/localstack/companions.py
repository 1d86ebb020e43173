"""The processes beside the workers of a platform on this machine; each is started again when it ends."""

from __future__ import annotations

import sys
from pathlib import Path

from services.processors.supervisor import Supervisor
from services.testbed.localstack.platform import Platform


def credit_follower(platform: Platform) -> Supervisor:
    """Keeps credit signals up to date."""
    return _process(platform, "credit", "services.credit")


def case_follower(platform: Platform, keys: Path) -> Supervisor:
    """Opens and closes cases by rule, signed by the platform's own key in the file ``keys``, which must be there."""
    return _process(platform, "cases", "services.cases", LIANYUN_FINANCING_KEYS=str(keys.absolute()))


def webhooks(platform: Platform) -> Supervisor:
    """Tells parties of what changed."""
    return _process(platform, "webhooks", "services.notifications.webhooks")


def exporter(platform: Platform, port: int) -> Supervisor:
    """Shows what the database says as metrics on ``port``."""
    return _process(
        platform, "exporter", "services.monitoring.exporter", LIANYUN_EXPORTER_METRICS_PORT=str(port)
    )


def _process(platform: Platform, name: str, module: str, **more: str) -> Supervisor:
    return Supervisor(
        {**platform.worker_environment(), **more},
        workers=1,
        logs=platform.stack.folder / "logs" / name,
        command=(sys.executable, "-m", module),
    )
