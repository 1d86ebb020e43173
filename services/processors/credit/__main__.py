"""`python -m services.processors.credit`: the follower of the credit signals; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.processors.parentage import end_with_parent


def main() -> None:
    """Follow until SIGTERM; never returns. An error ends the process, and whoever supervises it starts it again."""
    end_with_parent(os.environ)
    from services.observability.logs import configure
    from services.processors.credit.store.follower import FollowerSettings, run

    configure()
    run(FollowerSettings())


if __name__ == "__main__":
    main()
