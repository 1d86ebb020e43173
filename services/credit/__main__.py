"""`python -m services.credit`: the follower of the credit signals; settings from LIANYUN_* variables."""

from __future__ import annotations

from services.runtime.process import log_start, startup_imports


def main() -> None:
    """Follow until SIGTERM or SIGINT. An error ends the process, and whoever supervises it starts it again."""
    with startup_imports():
        from services.credit.store.follower import FollowerSettings, run

    run(log_start("credit", FollowerSettings()))


if __name__ == "__main__":
    main()
