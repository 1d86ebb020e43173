"""Webhooks: whether what is due is being sent, and which endpoints were disabled."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import Connection

from services.cli.checks.check import Check, judged
from services.notifications.webhooks import subscriptions

LATE_SECONDS = 300
"""What is due longer than this is not being sent: a process that runs takes it within a moment."""


def look(connection: Connection[Any], now: float | None = None) -> Check:
    """Deliveries that are late, and endpoints that the platform disabled; those are said, and no finding by themselves."""
    try:
        found = subscriptions.endpoints(connection)
    except psycopg.errors.InsufficientPrivilege:
        return Check("webhooks", True, "not shown to this role of the database")
    moment = time.time() if now is None else now
    late = [
        each
        for each in found
        if each.oldest_due is not None and moment - each.oldest_due / 1_000_000 > LATE_SECONDS
    ]
    disabled = sum(each.state == "DISABLED" for each in found)
    told = (
        f"{len(found)} endpoints, {sum(each.waiting for each in found)} deliveries wait, {disabled} disabled"
    )
    said = f"{told}; {len(late)} endpoints have what is due for minutes" if late else told
    return judged("webhooks", not late, said, "lianyun webhooks run, then: lianyun webhooks list")
