"""Messages inside a file: bare, or in the envelope of a broker, whose own elements say nothing to us."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from schemas.reasons import Reason, Refusal
from services.producers.formats.collector import turning
from services.producers.formats.markup import Node, folded, root_name
from services.producers.formats.text import decode

_HEAD = 65_536
_TAG = re.compile(r"<(?:[^\s<>/:!?=]+:)?([^\s<>/:!?=]+)")


def recognise(raw: bytes, names: Iterable[str]) -> int:
    """95 where the first element bears one of ``names``, 60 where one stands in an envelope, else 0; never raises."""
    known = {folded(name) for name in names}
    root = root_name(raw[:_HEAD])
    if not root:
        return 0
    if folded(root) in known:
        return 95
    try:
        text = decode(raw[:_HEAD], partial=True)
    except Refusal:
        text = raw[:_HEAD].decode("latin-1")
    return 60 if any(folded(found[1]) in known for found in _TAG.finditer(text)) else 0


def find(root: Node, names: Iterable[str]) -> tuple[Node, ...]:
    """The outermost elements that bear one of ``names``, in order.

    Raises Refusal where there is none, or where the envelope speaks of cancellation, rejection or a test.
    """
    known = {folded(name): name for name in names}
    found = tuple(_outermost(root, known))
    if not found:
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"The file holds {root.name[:60]}, which is not read.",
            root.path,
            f"The messages that are read: {', '.join(known.values())}.",
        )
    return found


def named(message: Node, names: Iterable[str]) -> str:
    """The one of ``names`` that ``message`` bears."""
    return next(name for name in names if folded(name) == folded(message.name))


def _outermost(node: Node, known: Iterable[str]) -> Iterator[Node]:
    if folded(node.name) in known:
        yield node
        return
    for name, value in ((node.name, node.text or "set"), *node.attributes.items()):
        refusal = turning(name, value, node.path)
        if refusal is not None:
            raise refusal
    for child in node.children:
        yield from _outermost(child, known)
