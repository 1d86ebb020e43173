"""All formats of partners' files, and their recognition by content.

The format with the highest certainty wins; on a tie, or where none recognises the file, the partner has to name it.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from schemas.reasons import Reason, Refusal
from services.producers.formats import dcsa, ncts, sheets, taf
from services.producers.formats.model import Format, ReadOutcome, Settings
from services.producers.formats.native_lines import NATIVE

MAX_FILE_BYTES = 64 << 20
"""No list or message of one train comes near it; a reader may hold a file several times over in memory."""

FORMATS: tuple[Format, ...] = (NATIVE, *sheets.FORMATS, *taf.FORMATS, *ncts.FORMATS, *dcsa.FORMATS)
_OFFSETS_ONLY = Settings("", ZoneInfo("UTC"))


def named(name: str, formats: Sequence[Format] = FORMATS) -> Format:
    """The format called ``name``; raises Refusal UNKNOWN_FORMAT with the nearest names."""
    for each in formats:
        if each.name == name:
            return each
    names = [each.name for each in formats]
    near = get_close_matches(name, names, n=3)
    raise Refusal(
        Reason.UNKNOWN_FORMAT,
        f"There is no format {name!r}.",
        remedy=f"Did you mean {' or '.join(near)}?" if near else f"The formats are {', '.join(names)}.",
    )


def recognise(content: bytes, formats: Sequence[Format] = FORMATS) -> Format:
    """The format that is surest of ``content``; raises Refusal where none is, or several are equally sure."""
    scores = sorted(((each.recognise(content), each) for each in formats), key=lambda found: -found[0])
    best = scores[0][0]
    if best <= 0:
        raise Refusal(
            Reason.UNKNOWN_FORMAT,
            "No format recognises the file.",
            remedy=f"Say which it is with --format: {', '.join(each.name for each in formats)}.",
        )
    first = [each for score, each in scores if score == best]
    if len(first) > 1:
        raise Refusal(
            Reason.UNKNOWN_FORMAT,
            f"The file may be {' or '.join(f'{each.name} ({each.title})' for each in first)}.",
            remedy=f"Say which it is: {' or '.join(f'--format {each.name}' for each in first)}.",
        )
    return first[0]


def understand(
    content: bytes, settings: Settings | None, name: str = "", formats: Sequence[Format] = FORMATS
) -> tuple[Format, ReadOutcome]:
    """Read ``content`` as the format ``name``, or as the one that recognises it.

    ``settings`` are what the partner declared, None where it declared nothing: then only native records, whose times
    all have an offset, can be read. Raises Refusal where the file as a whole cannot be read.
    """
    if len(content) > MAX_FILE_BYTES:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The file has {len(content):,} bytes, more than {MAX_FILE_BYTES:,}.",
            remedy="Split it; a native file may be split at any line.",
        )
    if not content.strip():
        raise Refusal(
            Reason.UNREADABLE_FILE,
            "The file is empty.",
            remedy="Send it again from the system that wrote it.",
        )
    known = named(name, formats) if name else recognise(content, formats)
    if settings is None:
        if known is not NATIVE:
            raise Refusal(
                Reason.UNREADABLE_FILE,
                f"The file is {known.name}, and the profile does not say which clock its times are on.",
                remedy='Declare it in the profile, once: a section [files] with zone = "Asia/Almaty", for example.',
            )
        settings = _OFFSETS_ONLY
    return known, known.read(content, settings)
