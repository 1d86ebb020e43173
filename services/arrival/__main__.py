"""`python -m services.arrival`: the follower of the legs behind arrival times; settings from LIANYUN_* variables."""

from __future__ import annotations

from services.runtime.process import log_start, startup_imports


def main() -> None:
    """Follow until SIGTERM or SIGINT. An error ends the process, and whoever supervises it starts it again."""
    with startup_imports():
        from services.arrival.store.follower import FollowerSettings, run

    run(log_start("arrival", FollowerSettings()))


if __name__ == "__main__":
    main()
