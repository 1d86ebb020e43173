"""EU NCTS phase 5: the life of one transit declaration, from lodging (015) to write-off (045)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain

from schemas.reasons import Reason, Refusal
from services.producers.formats import envelopes, markup
from services.producers.formats.collector import Notes, require_unturned, unknown, vetted
from services.producers.formats.markup import Node
from services.producers.formats.model import Format, Reading, Record, Settings, Unread, Where
from services.producers.formats.ncts import departure, destination, message
from services.producers.formats.ncts.message import Message
from services.producers.formats.ncts.vocabulary import VOCABULARY

_MESSAGES: dict[str, Callable[[Message], Iterator[Record]]] = {
    "015": departure.lodged,
    "028": departure.accepted,
    "060": departure.controlled,
    "051": departure.refused,
    "029": departure.released,
    "045": departure.written_off,
    "043": destination.unloading_permitted,
    "044": destination.unloaded,
    "025": destination.released,
}
_NAMES = tuple(f"CC{number}C" for number in _MESSAGES)
_OTHER = re.compile(r"(?:CC|IE)([0-9]{3})([A-Z]?)", re.IGNORECASE)


def recognise(raw: bytes) -> int:
    """How sure it is, 0 to 100, that ``raw`` is NCTS: one of the nine messages, or another one; never raises."""
    sure = envelopes.recognise(raw, _NAMES)
    return sure or (70 if _OTHER.fullmatch(markup.root_name(raw)) else 0)


def read(raw: bytes, settings: Settings) -> Reading:
    """Read the messages in ``raw``, up to 8 MiB; raises Refusal where the file as a whole cannot be read."""
    root = markup.read(raw)
    other = _OTHER.fullmatch(root.name)
    if other is not None and root.name.upper() not in _NAMES:
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"{root.name} is "
            + ("of phase 4" if other[2].upper() in ("A", "B") else "a message that makes no event here")
            + ".",
            root.path,
            f"The messages that are read, of phase 5: {', '.join(_NAMES)}.",
        )
    notes = Notes(message.FORMAT, settings)
    found = envelopes.find(root, _NAMES)
    records = tuple(chain.from_iterable(_message(node, raw, notes) for node in found))
    return Reading(message.FORMAT, tuple(notes.taken), iter(records), tuple(notes.remarks))


def _message(node: Node, raw: bytes, notes: Notes) -> Iterator[Record]:
    number = envelopes.named(node, _NAMES)[2:5]
    notes.take(node.path, node.name, f"message {number}")
    notes.remarks.extend(unknown(node, VOCABULARY))
    try:
        require_unturned(node)
        yield from map(vetted, _MESSAGES[number](message.read(node, number, raw, notes)))
    except Refusal as refusal:
        yield Unread(Where(path=node.path), refusal)


FORMATS: tuple[Format, ...] = (
    Format(
        message.FORMAT,
        "EU customs transit (NCTS phase 5) messages 015, 025, 028, 029, 043, 044, 045, 051, 060",
        recognise,
        read,
    ),
)
