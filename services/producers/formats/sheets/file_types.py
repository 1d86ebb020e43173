"""From bytes to a book of values: what a file is, is told by its bytes, never by its name."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from schemas.reasons import Refusal
from services.producers.formats.sheets import compound, delimited, package, telegram, workbook
from services.producers.formats.sheets.grid import Book

ZIP: Final = b"PK\x03\x04"
EMPTY_ZIP: Final = b"PK\x05\x06"
_DRESSED = (
    (b"<html", "a web page", "Open it in Excel"),
    (b"<!doctype html", "a web page", "Open it in Excel"),
    (b"<table", "a web page", "Open it in Excel"),
    (b"<?xml", "an XML document", "If it is a spreadsheet, open it in Excel"),
    (b"%pdf-", "a PDF", "Send the list that it was printed from"),
    (b"{\\rtf", "a text document", "Copy its table into a workbook"),
)


def is_message(content: bytes) -> bool:
    """Whether the bytes begin as a message of another kind does (JSON, XML), or there are none."""
    head = content[:512].lstrip(b"\xef\xbb\xbf\xff\xfe\x00\t\r\n ")
    return not head or head.startswith((b"{", b"[", b"<?xml")) or (head[:1] == b"<" and not _page(head))


def _page(head: bytes) -> bool:
    return head.lower().startswith((b"<html", b"<!doctype html", b"<table"))


@lru_cache(maxsize=1)
def _opened(content: bytes) -> Book | Refusal:
    try:
        return _open(content)
    except Refusal as refusal:
        return refusal


def open_book(content: bytes) -> Book:
    """The book in ``content``; raises Refusal where it cannot be read. The last file is kept, because formats ask in turn."""
    opened = _opened(content)
    if isinstance(opened, Refusal):
        raise opened
    return opened


def _open(content: bytes) -> Book:
    if not content.strip(b"\x00\t\r\n "):
        raise package.refuse("The file is empty.", "Send the file with its header and rows.")
    if content.startswith((ZIP, EMPTY_ZIP)):
        return workbook.xlsx(content)
    if content.startswith(compound.SIGNATURE):
        return workbook.xls(content)
    if telegram.is_telegram(content):
        return telegram.read(content)
    head = content[:512].lstrip(b"\xef\xbb\xbf\t\r\n ").lower()
    for mark, what, how in _DRESSED:
        if head.startswith(mark):
            raise package.refuse(
                f"The file is {what}, whatever its name says.", f"{how}, save it as .xlsx and send that."
            )
    return delimited.read(content)
