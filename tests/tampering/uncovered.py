"""What fsck does not find, each with its reason: data of the test of every column, documented in docs/fsck.md."""

from __future__ import annotations

UNCOVERED: tuple[tuple[str, str, str], ...] = ()
"""(table, change, reason); ``*`` is every change of the table."""

EMPTY: dict[str, str] = {
    "lianyun.case_touched": "emptied in the transaction that decides on the cases",
    "lianyun.credit_broken": "a row of it is a finding by itself",
    "lianyun.webhook_again": "emptied when the notes before it are settled",
}
"""Tables that have no row in a sound platform, and why."""
