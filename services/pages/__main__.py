"""`python -m services.pages`: the pages until SIGTERM; settings from LIANYUN_* variables."""

from __future__ import annotations

import os

from services.runtime.parent_process import end_with_parent


def main() -> None:
    """Serve until SIGTERM or SIGINT. An error ends the process, and whoever supervises it starts it again.

    Settings that are wrong end it with 78 (EX_CONFIG), as every process here.
    """
    end_with_parent(os.environ)
    from services.runtime.process import imports_without_gc

    with imports_without_gc():
        from pydantic import ValidationError

        from services.api.settings import faults
        from services.pages.serving import serve
        from services.pages.settings import PagesSettings
        from services.runtime.exit_codes import Exit, end_process
        from services.telemetry.logs import configure

    try:
        settings = PagesSettings()
    except ValidationError as wrong:
        configure()
        end_process(Exit.MISCONFIGURED, f"the settings are wrong: {faults(wrong)}")
        raise
    serve(settings)


if __name__ == "__main__":
    main()
