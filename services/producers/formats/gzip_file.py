"""A deterministic gzip encoder: the same bytes on every machine and in every version.

Signed content must not depend on the library that compressed it; the output is readable by any gzip decoder (RFC 1952).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, no time, system unknown (RFC 1952)
_WINDOW, _LEAST, _MOST = 32_768, 3, 258
_TRIES = 24
"""How many earlier places with the same three bytes are looked at for the longest match."""


def _steps(first: int, groups: int, alone: int) -> Iterator[tuple[int, int]]:
    """(first value, extra bits) of each code: ``alone`` codes of one value, then groups with one more bit each."""
    value = first
    for _ in range(alone):
        yield value, 0
        value += 1
    for extra in range(1, groups + 1):
        for _ in range(alone // 2):
            yield value, extra
            value += 1 << extra


_LENGTHS = tuple(_steps(3, 5, 8))[:28]  # 258 has a code of its own (RFC 1951, 3.2.5)
_DISTANCES = tuple(_steps(1, 13, 4))


def _reversed(code: int, bits: int) -> int:
    return int(f"{code:0{bits}b}"[::-1], 2)


def _fixed(symbol: int) -> tuple[int, int]:
    """Code (last bit first, as it is written) and width of a symbol in the fixed code (RFC 1951, 3.2.6)."""
    if symbol < 144:
        return _reversed(0x30 + symbol, 8), 8
    if symbol < 256:
        return _reversed(0x190 + symbol - 144, 9), 9
    if symbol < 280:
        return _reversed(symbol - 256, 7), 7
    return _reversed(0xC0 + symbol - 280, 8), 8


_CODES = tuple(_fixed(symbol) for symbol in range(288))


def _coded(table: tuple[tuple[int, int], ...], value: int) -> tuple[int, int, int]:
    """(index of the code, what its extra bits hold, how many they are) of a length or distance."""
    index = max(number for number, (first, _) in enumerate(table) if first <= value)
    first, extra = table[index]
    return index, value - first, extra


def _length(length: int) -> tuple[int, int]:
    if length == _MOST:
        return _CODES[285]
    index, rest, extra = _coded(_LENGTHS, length)
    code, bits = _CODES[257 + index]
    return code | rest << bits, bits + extra


_LENGTH_CODES = {length: _length(length) for length in range(_LEAST, _MOST + 1)}


def _distance(distance: int) -> tuple[int, int]:
    index, rest, extra = _coded(_DISTANCES, distance)
    return _reversed(index, 5) | rest << 5, 5 + extra


def pack(raw: bytes) -> bytes:
    """``raw`` as a gzip file (RFC 1952). About half a megabyte a second; the result is a pure function of ``raw``."""
    out = bytearray(_HEAD)
    pending, width = 0b011, 3  # the last block, of the fixed code
    for code, bits in _codes(raw):
        pending |= code << width
        width += bits
        if width >= 64:
            out += (pending & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little")
            pending >>= 64
            width -= 64
    out += pending.to_bytes((width + 7) // 8, "little")
    return bytes(out) + struct.pack("<II", zlib.crc32(raw), len(raw) & 0xFFFFFFFF)


def _codes(raw: bytes) -> Iterator[tuple[int, int]]:
    known: dict[bytes, list[int]] = {}
    at, size = 0, len(raw)
    while at < size:
        length, back = _longest(raw, at, known.get(raw[at : at + _LEAST], ()))
        if length < _LEAST:
            yield _CODES[raw[at]]
            length = 1
        else:
            yield _LENGTH_CODES[length]
            yield _distance(back)
        for each in range(at, at + length):
            known.setdefault(raw[each : each + _LEAST], []).append(each)
        at += length
    yield _CODES[256]


def _longest(raw: bytes, at: int, places: list[int] | tuple[()]) -> tuple[int, int]:
    """The longest match of what follows ``at`` and how far back it lies; the nearest of equal ones."""
    best, back = 0, 0
    most = min(_MOST, len(raw) - at)
    for place in reversed(places[-_TRIES:]):
        if at - place > _WINDOW:
            break
        if raw[place + best : place + best + 1] != raw[at + best : at + best + 1]:
            continue
        length = best if raw[place : place + best] == raw[at : at + best] else 0
        while length < most and raw[place + length] == raw[at + length]:
            length += 1
        if length > best:
            best, back = length, at - place
            if best == most:
                break
    return best, back
