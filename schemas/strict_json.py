"""Strict JSON: text with the same meaning for every reader, as a signature requires.

Ordinary parsers keep the last of two equal keys, round big integers and accept NaN, each in its own way.
Here such text is refused, with the place. Source of the rules: RFC 7493 (I-JSON), made stricter in size
and depth.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, NoReturn

import orjson

from schemas.reasons import Reason, Refusal

MAX_BYTES = 65_536
MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1

_STRING = re.compile(rb'"(?:[^"\\]+|\\.)*"?', re.DOTALL)  # the last quote is optional, so it never backtracks
_BRACKET = re.compile(rb"[\[\]{}]")
_SURROGATE_OR_NUL = re.compile("[\x00\ud800-\udfff]")


def loads(raw: bytes, max_bytes: int = MAX_BYTES) -> object:
    """Return the value of strict JSON text; raise Refusal INVALID_JSON or TOO_LARGE with a JSON pointer.

    Refused are duplicate keys, NaN and infinities, integers beyond 2^53 - 1, floats that overflow, invalid
    UTF-8, a byte order mark, lone surrogates, NUL in strings, more than 64 KiB, nesting deeper than 32. Only a file of
    a partner, which nobody signed as a whole, may be read with a larger ``max_bytes``.
    About 3 microseconds for a compact event; text with spaces or escapes takes a slower way to the same value.
    """
    if len(raw) > max_bytes:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The payload has {len(raw):,} bytes, more than {max_bytes:,}.",
            remedy="Split the event; refer to documents by digest instead of enclosing them.",
        )
    # Text that comes out of the serialiser as it went in holds no duplicate key and no rounded number.
    try:
        value = orjson.loads(raw)
        if orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER) == raw and b"\\u0000" not in raw:
            if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
                _require_shallow(value)
            return value
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass  # the exact reader below decides, and says where
    return _loads_exactly(raw)


class _Flaw:
    """Placeholder in the parsed value for an error, so that its location can be reported."""

    def __init__(self, detail: str) -> None:
        self.detail = detail


class _Reader:
    """The hooks of one exact reading; `flawed` tells whether any of them objected."""

    def __init__(self) -> None:
        self.flawed = False

    def flaw(self, detail: str) -> _Flaw:
        self.flawed = True
        return _Flaw(detail)

    def pairs(self, pairs: list[tuple[str, Any]]) -> object:
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return self.flaw(f"The key {repeated[:64]!r} occurs more than once in one object.")

    def integer(self, digits: str) -> object:
        if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:  # the length first: int() is quadratic
            return self.flaw(
                f"The integer {digits[:24]} is beyond 2^53 - 1, where readers round differently."
            )
        return int(digits)

    def fraction(self, digits: str) -> object:
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            return self.flaw(f"The number {digits[:24]} is too large for a double.")
        return number

    def constant(self, name: str) -> object:
        return self.flaw(f"{name} is not JSON.")


def _loads_exactly(raw: bytes) -> object:
    """Read without the fast path's assumption; same contract as `loads`, several times slower."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"Byte {error.start} of the payload is not valid UTF-8.")
    _require_shallow_text(raw)
    reader = _Reader()
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=reader.pairs,
            parse_int=reader.integer,
            parse_float=reader.fraction,
            parse_constant=reader.constant,
        )
    except json.JSONDecodeError as error:
        _refuse(f"The payload is not JSON: {error.msg} at character {error.pos}.")
    if reader.flawed or "\\u" in text:  # NUL and lone surrogates can only be written as escapes
        for pointer, detail in _flaws(value, ""):
            _refuse(detail, pointer)
    return value


def _flaws(value: object, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield (JSON pointer, what is wrong) for everything in a parsed value that must be refused."""
    if isinstance(value, _Flaw):
        yield pointer, value.detail
    elif isinstance(value, str):
        if _SURROGATE_OR_NUL.search(value):
            yield pointer, "A string holds NUL or half a surrogate pair, which not every reader can keep."
    elif isinstance(value, dict):
        for key, member in value.items():
            if _SURROGATE_OR_NUL.search(key):
                yield pointer, "A key holds NUL or half a surrogate pair, which not every reader can keep."
            else:
                yield from _flaws(member, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _flaws(member, f"{pointer}/{index}")


def _require_shallow(value: object) -> None:
    """Raise INVALID_JSON when a parsed value nests deeper than MAX_DEPTH, level by level, never recursing."""
    objects = [value] if type(value) is dict else []
    arrays = [value] if type(value) is list else []
    for _ in range(MAX_DEPTH):
        members = [*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(arrays)]
        objects = [member for member in members if type(member) is dict]
        arrays = [member for member in members if type(member) is list]
        if not objects and not arrays:
            return
    _refuse(f"The payload nests deeper than {MAX_DEPTH} levels.")


def _require_shallow_text(raw: bytes) -> None:
    """Raise INVALID_JSON when brackets outside strings nest deeper than MAX_DEPTH; the text may be no JSON at all.

    The parser recurses once per level, so this must come before it.
    """
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            _refuse(f"The payload nests deeper than {MAX_DEPTH} levels.")


def _refuse(detail: str, pointer: str = "") -> NoReturn:
    raise Refusal(Reason.INVALID_JSON, detail, pointer)
