"""`python -m services.credit`: the follower of the credit signals; settings from LIANYUN_* variables."""

from __future__ import annotations

from services.runtime.process import began, starting


def main() -> None:
    """Follow until SIGTERM or SIGINT. An error ends the process, and whoever supervises it starts it again."""
    with starting():
        from services.credit.store.follower import FollowerSettings, run

    run(began("credit", FollowerSettings()))


if __name__ == "__main__":
    main()
