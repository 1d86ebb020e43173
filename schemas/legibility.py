"""Text that people can tell apart by looking: no characters that do not show, that reorder text, or that look like a blank.

Two ids that differ by such a character alone look the same on every page and in every log. The lists are fixed here, not
taken from a Unicode library, so that every reader of every release judges alike. What was admitted before this rule stays as it
is and is read as ever (``services.ledger.admission.model.RULES``).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from schemas.envelope import HEADERS, Envelope
from schemas.reasons import Reason, Refusal

_CONTROL: Final = "\x00-\x1f\x7f-\x9f\u2028\u2029"
_FORMAT: Final = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Category Cf with the bidirectional and zero-width characters, and what is reserved for more of them."""
_PRIVATE: Final = "\ue000-\uf8ff\U000f0000-\U0010ffff"
_UNPAIRED: Final = "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff" + "".join(
    chr(plane << 16 | last) for plane in range(1, 15) for last in (0xFFFE, 0xFFFF)
)
_FILLING: Final = "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\ufffc\ufffd"
"""Letters without a shape, selectors of a variant, and what stands for a character that was lost."""
_BLANK: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_HIDDEN: Final = re.compile(f"[{_CONTROL}{_FORMAT}{_PRIVATE}{_UNPAIRED}]")
_ILLEGIBLE: Final = re.compile(f"[{_CONTROL}{_FORMAT}{_PRIVATE}{_UNPAIRED}{_FILLING}{_BLANK}]|^ | $")
_BASIC: Final = (
    r"\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
)
LEGIBLE: Final = rf"^[^\u0020{_BASIC}]([^{_BASIC}]*[^\u0020{_BASIC}])?$"
"""As much of the rule as a published pattern can say: the characters of the basic plane, for ECMA 262."""
_FREE: Final = frozenset({"remark", "happened_as_written"})
"""Fields for people, which identify nothing: a selector of a variant or another blank does no harm in them."""
_REMEDY: Final = "Write it without such a character, in Unicode's form NFC, with plain blanks inside only."


def hidden(text: str) -> str:
    """The first character of ``text`` that does not show, or reorders what does; "" where there is none."""
    found = _HIDDEN.search(text)
    return found.group() if found else ""


def without_hidden(text: str) -> str:
    """``text`` with a blank for each run of characters that do not show."""
    return re.sub(f"{_HIDDEN.pattern}+", " ", text)


def escaped(text: str) -> str:
    r"""``text`` as it may reach a terminal: what does not show stands as ``\\x1b``, ``\\u202e`` or the like; lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(
        lambda found: (
            found.group() if found.group() in "\n\t" else found.group().encode("unicode_escape").decode()
        ),
        text,
    )


def escaped_json(text: str) -> str:
    r"""JSON text of the same value in which what does not show is written as ``\\u202e``; lines between its parts stay."""
    return _HIDDEN.sub(
        lambda found: found.group() if found.group() == "\n" else json.dumps(found.group())[1:-1], text
    )


def fault(text: str) -> str:
    """Why ``text`` is not permitted as an id, as a sentence; "" where it is."""
    if text.isascii():
        return "It begins or ends with a blank." if text[:1] == " " or text[-1:] == " " else ""
    found = _ILLEGIBLE.search(text)
    if found is not None:
        if found.group() == " ":
            return "It begins or ends with a blank."
        return (
            f"It holds U+{ord(found.group()):04X}, which does not show, reorders text or looks like a blank."
        )
    return "" if unicodedata.is_normalized("NFC", text) else "It is not in Unicode's form NFC."


def require_legible(envelope: Envelope, payload: bytes) -> None:
    """Raise Refusal where an id, a reference or another text of the event looks like another one.

    INVALID_HEADER for id and subject, INVALID_SCHEMA with a pointer for the payload, which must be JSON already. A reference to
    another event is free: one that was admitted before this rule has to be reached.
    """
    require_legible_attributes(envelope)
    if payload.isascii() and b"\\u" not in payload:
        return
    for pointer, why in _faults(orjson.loads(payload), ""):
        raise Refusal(Reason.INVALID_SCHEMA, why, pointer[:200], _REMEDY)


def require_legible_attributes(envelope: Envelope) -> None:
    """Raise Refusal INVALID_HEADER where id or subject is not legible."""
    for attribute, value in (("id", envelope.id), ("subject", envelope.subject or "")):
        why = fault(value)
        if why:
            raise Refusal(Reason.INVALID_HEADER, why, f"header:{HEADERS[attribute]}", _REMEDY)


def _faults(value: object, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for index, member in enumerate(value):
            yield from _faults(member, f"{pointer}/{index}")
    elif isinstance(value, Mapping):
        event = isinstance(value.get("source"), str) and set(value) == {"source", "id"}
        for name, member in value.items():
            at = f"{pointer}/{name}"
            if not isinstance(member, str):
                yield from _faults(member, at)
            elif name == "target" or (event and name == "id"):
                continue
            elif name in _FREE:
                if hidden(member):
                    yield at, f"It holds U+{ord(hidden(member)):04X}, which does not show or reorders text."
            elif why := fault(member):
                yield at, why
    elif isinstance(value, str) and (why := fault(value)):
        yield pointer, why
