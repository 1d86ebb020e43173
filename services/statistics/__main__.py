"""`python -m services.statistics`: the follower of the legs behind arrival times, and the publication of statistics; settings from LIANYUN_* variables."""

from __future__ import annotations

from services.runtime.process import log_start, startup_imports


def main() -> None:
    """Follow and publish until SIGTERM or SIGINT. An error ends the process, and whoever supervises it starts it again."""
    with startup_imports():
        from services.statistics.store.schedule import ScheduleSettings, run

    run(log_start("arrival", ScheduleSettings()))


if __name__ == "__main__":
    main()
