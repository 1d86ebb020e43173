"""``python -m services.testbed.bench.bare_worker``: a worker without projections, to be measured beside one that has them.

For that alone: what a projection would have noted is not noted.
"""

from __future__ import annotations

import os

from services.runtime.parent_process import end_with_parent


def main() -> None:
    """Run one worker until SIGTERM; never returns."""
    end_with_parent(os.environ)
    from services.processors.admission import EventAdmitter
    from services.processors.ledger_store import LedgerStore
    from services.processors.process import run
    from services.processors.settings import admission_settings

    run(
        lambda settings, name: LedgerStore(settings.dsn.get_secret_value(), name, projections=()),
        lambda settings: EventAdmitter(admission_settings(settings.network)),
    )


if __name__ == "__main__":
    main()
