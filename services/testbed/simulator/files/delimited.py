"""Text tables (CSV) as old systems of partners write them: one byte to a letter, no mark at the beginning."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence


def delimited(rows: Sequence[Sequence[str]], separator: str, encoding: str) -> bytes:
    """``rows`` parted by ``separator`` in ``encoding``, lines ended as on Windows; raises UnicodeEncodeError."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(encoding)
