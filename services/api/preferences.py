"""The Prefer header (RFC 7240): what a caller would like, and the server may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

LONGEST_WAIT = 10.0


def preferences(headers: Iterable[str]) -> Mapping[str, str]:
    """The preferences of all Prefer headers by lower-case name, "" where one has no value; the first of a name counts."""
    found: dict[str, str] = {}
    for part in ",".join(headers).split(","):
        name, _, value = part.partition(";")[0].partition("=")
        if name.strip():
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def wait_of(wanted: Mapping[str, str]) -> float:
    """Seconds that ``wait`` asks for, at most ten; 0 for none and for nonsense."""
    text = wanted.get("wait", "")
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0
