"""Decoding of files: by byte order mark or XML declaration, strictly, without guessing."""

from __future__ import annotations

import codecs
import re

from schemas.reasons import Reason, Refusal

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,39})["']""")
_UNMARKED = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_ACCEPTED = frozenset(
    codecs.lookup(name).name
    for name in (
        *(
            "us-ascii",
            "utf-8",
            "utf-16",
            "utf-16-le",
            "utf-16-be",
            "gb18030",
            "gbk",
            "gb2312",
            "big5",
            "koi8-r",
        ),
        *(f"iso-8859-{part}" for part in (1, 2, 4, 5, 7, 9, 13, 15)),
        *(f"windows-{page}" for page in (1250, 1251, 1252, 1253, 1254, 1257)),
    )
)


def decode(raw: bytes, *, partial: bool = False) -> str:
    """The text of an XML or JSON file without its BOM; ``partial`` accepts a character truncated at the end.

    The BOM decides, else the XML declaration, else UTF-8. Raises Refusal where they contradict one another, where the encoding
    is not supported, or where the bytes are not valid in it.
    """
    marked, skip = next(((name, len(mark)) for mark, name in _MARKS if raw.startswith(mark)), ("", 0))
    unmarked = next((name for start, name in _UNMARKED if raw.startswith(start)), "")
    inside = marked or unmarked
    head = raw[skip : skip + 400]
    if inside.startswith("utf-16"):
        head = head[: len(head) // 2 * 2].decode(inside, "replace").encode("ascii", "replace")
    found = _DECLARED.match(head)
    declared = found[1].decode().lower() if found else ""
    encoding = _settle(inside, declared)
    reader = codecs.getincrementaldecoder(encoding)("strict")
    try:
        return reader.decode(raw[skip:], final=not partial)
    except UnicodeDecodeError as wrong:
        if encoding.startswith("utf-16") and skip + wrong.start >= len(raw) - 4:
            detail, remedy = "The file is cut off in the middle of a character.", "Send the file again."
        else:
            detail = f"Byte {skip + wrong.start} is no {encoding}, which the file {_why(inside, declared)}."
            remedy = "Save the file in the encoding that it declares, best in UTF-8."
        raise Refusal(Reason.UNREADABLE_FILE, detail, f"byte {skip + wrong.start}", remedy) from None


def _settle(inside: str, declared: str) -> str:
    if not declared:
        if inside == "utf-32":
            raise _unaccepted(inside)
        return inside or "utf-8"
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        raise _unaccepted(declared) from None
    if name not in _ACCEPTED or inside == "utf-32":
        raise _unaccepted(declared)
    if inside:
        if name != inside and not (name == "utf-16" and inside.startswith("utf-16")):
            raise Refusal(
                Reason.UNREADABLE_FILE,
                f"The file declares {declared} but its first bytes are {inside}.",
                "line 1",
                "Save the file in the encoding that it declares, best in UTF-8.",
            )
        return inside
    if name.startswith("utf-16"):
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"The file declares {declared} but its bytes are not.",
            "line 1",
            "Declare the encoding in which the file is saved, best UTF-8.",
        )
    return name


def _unaccepted(encoding: str) -> Refusal:
    return Refusal(
        Reason.UNREADABLE_FILE,
        f"The encoding {encoding[:40]} is not read here.",
        "line 1",
        "Save the file in UTF-8.",
    )


def _why(inside: str, declared: str) -> str:
    if inside:
        return "begins as"
    return "declares" if declared else "is without a declaration"
