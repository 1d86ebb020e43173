"""Share links as rows, for tests of what is stored."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from services.api.access import share_links


def share_twice(session: Connection[Any], at: int) -> None:
    """Two links to a consignment, the second one ended; in the caller's transaction."""
    for label in ("for the consignee", "for the bank"):
        id_, _ = share_links.make(
            session,
            consignment=bytes(16),
            reference="xaport/XA-1",
            party="xaport",
            made_by="test",
            fields=share_links.SHAREABLE,
            now=at,
            expires=at + share_links.DAY,
            label=label,
        )
    assert share_links.end(session, id_, "xaport", at + 1)
