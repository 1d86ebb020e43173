"""`python -m services.api`: the HTTP API until SIGTERM; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.processors.parentage import end_with_parent


def main() -> None:
    """Serve until SIGTERM or SIGINT. An error ends the process, and whoever supervises it starts it again."""
    end_with_parent(os.environ)
    from services.loading import loading

    with loading():
        from services.api.serving import serve
        from services.api.settings import ApiSettings

    serve(ApiSettings())


if __name__ == "__main__":
    main()
