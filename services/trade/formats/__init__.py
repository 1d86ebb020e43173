"""Papers of a shipment read from files and written: messages in XML by their outermost element; spreadsheets by their columns are read only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from schemas.reasons import Reason, Refusal
from services.producers.formats import markup
from services.producers.formats.markup import Node, folded
from services.producers.formats.sheets.reader import is_message
from services.trade.domain.paper import Kind, Paper
from services.trade.formats import chinaport, dataset, eaeu, eaeu_writing, sheets, wco

MAX_BYTES = 50_000_000
"""A declaration of 999 lines with all their boxes and documents has a fifth of it."""
MAX_ELEMENTS = 600_000

_READ = (*eaeu.ROOTS, *chinaport.ROOTS, *wco.ROOTS)


def read_papers(content: bytes, file: str, as_of: date) -> tuple[Paper, ...]:
    """The papers in ``content``, which is called ``file``; ``as_of`` dates codes of papers that give no day.

    Raises Refusal with place and remedy where the whole of it cannot be read.
    """
    if len(content) > MAX_BYTES:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The file has {len(content):,} bytes, more than {MAX_BYTES:,}.",
            remedy="Give one paper a file.",
        )
    papers: tuple[Paper, ...]
    if dataset.is_dataset(content):
        papers = dataset.papers(dataset.read(content, as_of), file)
    elif content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" or (is_message(content) and content.strip()):
        papers = tuple(_message(content, file, as_of))
    else:
        papers = sheets.read(content, file, as_of)
    digest = hashlib.sha256(content).hexdigest()
    return tuple(replace(paper, sha256=digest) for paper in papers)


def _message(content: bytes, file: str, as_of: date) -> Iterator[Paper]:
    root = markup.read(content, MAX_BYTES, MAX_ELEMENTS)
    found = list(_outermost(root))
    if not found:
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"The file holds {root.name[:60]}, which is not read.",
            root.path,
            f"The documents that are read: {', '.join(_READ)}; and spreadsheets of invoices and packing lists.",
        )
    for node in found:
        if node.name in eaeu.ROOTS:
            yield eaeu.read(content, node, file, as_of)
        elif node.name in chinaport.ROOTS:
            yield chinaport.read(node, file, as_of)
        else:
            yield wco.read(node, file, as_of)


def _outermost(node: Node) -> Iterator[Node]:
    """The documents in an envelope; an answer of customs is none."""
    if folded(node.name) == "response":
        raise Refusal(
            Reason.UNREADABLE_FILE,
            "The message is an answer of customs, not a declaration.",
            node.path,
            "Give the declaration itself.",
        )
    if node.name in _READ:
        yield node
        return
    for child in node.children:
        yield from _outermost(child)


def write_paper(paper: Paper, as_of: date, encoding: str = "UTF-8") -> bytes:
    """The message of ``paper`` with the codes in force on ``as_of``: what is read from it is the paper again, but for places.

    A value for which the message has no element is left out. Raises Unwritable.
    """
    if paper.kind is Kind.CN_DECLARATION:
        return chinaport.write(paper, as_of, encoding)
    if paper.kind is Kind.WCO_DECLARATION:
        return wco.write(paper, as_of, encoding)
    return eaeu_writing.write(paper, as_of, encoding)
