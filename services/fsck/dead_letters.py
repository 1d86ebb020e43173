"""Dead letters: each is the digest of its bytes, and none has vanished uncounted."""

from __future__ import annotations

from collections import Counter

from schemas.envelope import Envelope, event_id
from schemas.reasons import Reason, Refusal
from services.admission.raw import digest, unframe, whole_digest
from services.deadletters.batch import HOUR
from services.fsck.finding import Damage, Notebook
from services.fsck.snapshot import Snapshot
from services.storage.arrays import uuids

_LETTERS = """
SELECT digest, state, publisher, event, reason, headers, value, value_bytes, truncated
FROM lianyun.dead_letter
"""
_ACCEPTED = "SELECT i.id FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN lianyun.identity i ON i.id = n.id"
_CUTS = """
SELECT c.topic, c.part, c.publisher, c.reason, c.hour, c.messages, c.first_offset, c.last_offset, c.first_append, c.last_append,
       o.next_offset, o.topic_id = c.topic_id OR o.topic_id IS NULL
FROM lianyun.dead_letter_cut c LEFT JOIN lianyun.kafka_offset o ON o.topic = c.topic AND o.part = c.part
"""
_CUT_SUMS = """
SELECT c.topic, c.part, sum(c.messages)::bigint, o.refused
FROM lianyun.dead_letter_cut c JOIN lianyun.kafka_offset o ON o.topic = c.topic AND o.part = c.part
GROUP BY c.topic, c.part, o.refused HAVING sum(c.messages) > o.refused
"""
_PART = 1_000
_BYTES = "Restore the row from a backup; while the log holds the record, it can be read again from there."
_CUT = (
    "Restore the row from a backup; while the log holds the records, it can be worked out again from there."
)
_USAGE = "Restore the missing letters from a backup, then set the row to what the letters add up to."


def check_letters(snapshot: Snapshot, notebook: Notebook) -> None:
    """Stream all letters: digest, event id, reason and lengths from their bytes, and sums per publisher."""
    letters: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    redriven: dict[bytes, tuple[bytes | str, str]] = {}  # event by letter, and its publisher
    for key, state, publisher, event, reason, framed, value, length, truncated in snapshot.stream(_LETTERS):
        where = f"dead_letter {key.hex()}"
        letters[publisher] += 1
        sizes[publisher] += len(framed) + len(value or b"")
        notebook.counts["dead_letters"] += 1
        if reason not in Reason.__members__:
            known = "a reason code"
            notebook.add(Damage.LETTER, where, "reason", reason, known, _BYTES, publisher)
        if truncated:
            notebook.counts["truncated_letters"] += 1
            continue
        try:
            headers = unframe(framed)
        except ValueError as problem:
            notebook.add(Damage.LETTER, where, "headers", problem, "framed headers", _BYTES, publisher)
            continue
        if key not in (digest(headers, value), whole_digest(headers, value)):
            found = digest(headers, value)
            notebook.add(Damage.LETTER, where, "headers or value", found, key, _BYTES, publisher)
            continue
        if length != (None if value is None else len(value)):
            right = None if value is None else len(value)
            notebook.add(Damage.LETTER, where, "value_bytes", length, right, _BYTES, publisher)
        if event is not None and event != (named := _event(headers)):
            notebook.add(Damage.LETTER, where, "event", event, named, _BYTES, publisher)
        if state == "REDRIVEN":
            redriven[key] = _event(headers), publisher
            if len(redriven) >= _PART:
                _redriven(snapshot, redriven, notebook)
    _redriven(snapshot, redriven, notebook)
    _usage(snapshot, letters, sizes, notebook)
    _cuts(snapshot, notebook)


def _cuts(snapshot: Snapshot, notebook: Notebook) -> None:
    """What was refused beyond the bound on letters: places and counts that can be true, and no more than was refused."""
    for (
        topic,
        part,
        publisher,
        reason,
        hour,
        messages,
        first,
        last,
        began,
        ended,
        reached,
        same,
    ) in snapshot.rows(_CUTS):
        where = f"dead_letter_cut {topic}[{part}] {publisher} {reason} hour {hour}"
        notebook.counts["cut_messages"] += messages
        for field, found, right, holds in (
            ("reason", reason, "a reason code", reason in Reason.__members__),
            (
                "messages",
                messages,
                f"at most {last - first + 1}, its offsets",
                0 < messages <= last - first + 1,
            ),
            (
                "last_offset",
                last,
                f"below {reached}, where reading is",
                reached is not None and (last < reached or not same),
            ),
            (
                "hour",
                hour,
                "the hour of its append times",
                began // HOUR == hour == ended // HOUR and began <= ended,
            ),
        ):
            if not holds:
                notebook.add(Damage.LETTER, where, field, found, right, _CUT, publisher)
    for topic, part, messages, refused in snapshot.rows(_CUT_SUMS):
        expected = f"at most {refused}, what was refused there"
        notebook.add(Damage.LETTER, f"dead_letter_cut {topic}[{part}]", "messages", messages, expected, _CUT)


def _redriven(snapshot: Snapshot, redriven: dict[bytes, tuple[bytes | str, str]], notebook: Notebook) -> None:
    """What is said to have been accepted later must be there; empties ``redriven``."""
    ids = sorted({event for event, _ in redriven.values() if isinstance(event, bytes)})
    present = {event for (event,) in snapshot.rows(_ACCEPTED, {"ids": uuids(ids)})}
    remedy = "Open the letter and redrive it again, or restore the event from a backup."
    for key, (event, publisher) in redriven.items():
        if event not in present:
            where = f"dead_letter {key.hex()}"
            notebook.add(Damage.LETTER, where, "state", "REDRIVEN", "an accepted event", remedy, publisher)
    redriven.clear()


def _event(headers: list[tuple[str, bytes | None]]) -> bytes | str:
    try:
        envelope = Envelope.from_headers(headers)
    except Refusal as refusal:
        return f"none: {refusal.detail}"
    return event_id(envelope.source, envelope.id)


def _usage(snapshot: Snapshot, letters: Counter[str], sizes: Counter[str], notebook: Notebook) -> None:
    """What the batches counted when they put letters down: a letter that was taken away leaves a gap here."""
    rows = snapshot.rows("SELECT publisher, letters, bytes FROM lianyun.dead_letter_usage")
    counted = {publisher: (number, size) for publisher, number, size in rows}
    for publisher in sorted(counted.keys() | letters.keys()):
        number, size = counted.get(publisher, (0, 0))
        where = f"dead_letter_usage {publisher}"
        if number != letters[publisher]:
            notebook.add(Damage.LETTER, where, "letters", letters[publisher], number, _USAGE, publisher)
        elif size != sizes[publisher]:
            notebook.add(Damage.LETTER, where, "bytes", sizes[publisher], size, _USAGE, publisher)
