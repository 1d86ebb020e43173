"""`python -m services.cases`: the follower of cases; settings from LIANYUN_* variables."""

from __future__ import annotations

from services.runtime.process import began, starting


def main() -> None:
    """Follow until SIGTERM or SIGINT. An error ends the process, and whoever supervises it starts it again."""
    with starting():
        from services.cases.store.follower import CasesSettings, run

    run(began("cases", CasesSettings()))


if __name__ == "__main__":
    main()
