"""What ends a request with the page of an error."""

from __future__ import annotations

from collections.abc import Mapping


class PageError(Exception):
    """Ends a request with the page of an error: 400, 401, 403, 404, 410 or 429. Raised in a transaction, it undoes it."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = dict(headers or {})
