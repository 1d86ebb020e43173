"""The package of an XLSX file, taken apart under limits before any library sees it.

A workbook is a zip of XML parts. What its directory claims is checked first, then every part is unpacked here with a
counter running, and only the parts that a reader of values needs go into a new, stored package. So a directory that
lies, a bomb, macros or pictures never reach the library.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Final

from schemas.reasons import Reason, Refusal

MAX_FILE: Final = 64 << 20
MAX_PART: Final = 256 << 20
MAX_TOTAL: Final = 320 << 20
MAX_PARTS: Final = 2_000
MAX_RATIO: Final = 300
"""Sheets full of like rows shrink to a hundredth; nothing honest shrinks further than this."""
_RATIO_FROM = 4 << 20  # below it a high ratio does no harm
_CHUNK = 1 << 20
_TEXTS = re.compile(rb"<(?:\w+:)?sst\b(?:[^>\"']|\"[^\"]*\"|'[^']*'){0,4000}>")
_TEXTS_BEGIN = re.compile(rb"<(?:\w+:)?sst\b")
_COUNT = re.compile(rb"ount\s*=\s*[\"']([^\"']*)[\"']")
_SAVE_AGAIN = "Save the workbook again as .xlsx and send that."
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Package:
    """The checked parts of a workbook by name, and whether macros were left behind."""

    parts: dict[str, bytes]
    macros: bool

    def stored(self) -> bytes:
        """A new package of the same parts, not compressed: what may be handed to a library."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as package:
            for name, part in self.parts.items():
                package.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), part)
        return out.getvalue()


def take_apart(content: bytes) -> Package:
    """The parts of the workbook in ``content``; raises Refusal for what is no sound XLSX package or too large."""
    too_large(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            return _parts(package)
    except _DAMAGED as problem:
        raise refuse(
            "The workbook is damaged or cut off: its package cannot be unpacked.",
            "Open it in the program that made it, save it again as .xlsx and send that.",
        ) from problem


def too_large(content: bytes) -> None:
    """Raise Refusal for a file over the limit, before anything of it is unpacked."""
    if len(content) > MAX_FILE:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The file has {len(content) >> 20} MiB; at most {MAX_FILE >> 20} are read.",
            "",
            "Split it by train or by day.",
        )


def refuse(detail: str, remedy: str) -> Refusal:
    """A refusal of the whole file."""
    return Refusal(Reason.UNREADABLE_FILE, detail, "", remedy)


def _parts(package: zipfile.ZipFile) -> Package:
    infos = package.infolist()
    _check_directory(infos)
    names = {info.filename for info in infos}
    if "xl/workbook.xml" not in names:
        raise refuse(*_not_a_workbook(names))
    parts: dict[str, bytes] = {}
    total = 0
    for info in infos:
        if not _needed(info.filename):
            continue
        if info.filename in parts:
            raise refuse(
                f"The package has {info.filename} twice, so it is not clear which one counts.",
                _SAVE_AGAIN,
            )
        part = _unpack(package, info, MAX_TOTAL - total)
        total += len(part)
        _check_part(info.filename, part)
        parts[info.filename] = part
    return Package(parts, any("vbaProject" in name or "/macrosheets/" in name for name in names))


def _check_part(name: str, part: bytes) -> None:
    """Refuse what the library would follow or believe: entities, other encodings, and a count that asks for memory."""
    if b"\x00" in part[:256] or part[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise refuse(f"{name} is not UTF-8, as spreadsheet programs write it.", _SAVE_AGAIN)
    if b"<!DOCTYPE" in part or b"<!ENTITY" in part:
        raise refuse(f"{name} declares entities of its own, which no spreadsheet program does.", _SAVE_AGAIN)
    tags = _TEXTS.findall(part)
    counts = [n for tag in tags for n in _COUNT.findall(tag)]
    if len(tags) < len(_TEXTS_BEGIN.findall(part)) or any(
        not n.isdigit() or len(n) > 12 or int(n) > len(part) for n in counts
    ):
        raise refuse(f"The workbook is damaged: {name} counts more texts than it holds.", _SAVE_AGAIN)


def _check_directory(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_PARTS:
        raise bomb(f"it has {len(infos)} parts; at most {MAX_PARTS} are read")
    if any(info.flag_bits & 1 for info in infos):
        raise protected()
    if sum(info.file_size for info in infos if _needed(info.filename)) > MAX_TOTAL:
        raise bomb(f"unpacked it has more than {MAX_TOTAL >> 20} MiB")
    for info in infos:
        if not _needed(info.filename):
            continue
        if info.file_size > MAX_PART:
            raise bomb(f"{info.filename} has {info.file_size >> 20} MiB; at most {MAX_PART >> 20} are read")
        if info.file_size > _RATIO_FROM and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise bomb(f"{info.filename} is packed more than {MAX_RATIO} to 1")


def _unpack(package: zipfile.ZipFile, info: zipfile.ZipInfo, left: int) -> bytes:
    limit = min(MAX_PART, left)
    pieces: list[bytes] = []
    size = 0
    with package.open(info) as part:
        while piece := part.read(_CHUNK):
            size += len(piece)
            if size > limit:
                raise bomb(f"{info.filename} is larger unpacked than its directory says")
            pieces.append(piece)
    return b"".join(pieces)


def _needed(name: str) -> bool:
    return name in {
        "[Content_Types].xml",
        "_rels/.rels",
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
        "xl/sharedStrings.xml",
        "xl/styles.xml",
    } or (name.startswith("xl/worksheets/") and name.endswith(".xml"))


def _not_a_workbook(names: set[str]) -> tuple[str, str]:
    if "xl/workbook.bin" in names:
        return "This is a binary workbook (.xlsb).", "Save it as .xlsx and send that."
    if "mimetype" in names and "content.xml" in names:
        return "This is an OpenDocument spreadsheet.", "Save it as .xlsx and send that."
    return (
        "This is a zip archive, not a workbook.",
        "Unpack it and send the .xlsx, .xls or .csv files in it one by one.",
    )


def bomb(why: str) -> Refusal:
    """The refusal of a file that would fill the memory."""
    remedy = "Delete what is not needed, save the workbook again as .xlsx, or split it by train or by day."
    return Refusal(Reason.TOO_LARGE, f"The workbook is not unpacked: {why}.", "", remedy)


def protected() -> Refusal:
    """The refusal of a file that only its password opens."""
    return refuse(
        "The workbook is protected by a password.", "Send it without one: the channel itself is encrypted."
    )
