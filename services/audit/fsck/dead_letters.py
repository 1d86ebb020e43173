"""Dead letters: each is the digest of its bytes and in the state of its outcomes, and their number is the one counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.envelope import Envelope, event_id
from schemas.reasons import Reason, Refusal
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Difference, Findings
from services.ledger.admission.raw_bytes import MAX_VALUE_BYTES, digest, letter_seal, unframe, whole_digest
from services.ledger.dead_letters.batch import HOUR
from services.ledger.storage.arrays import uuids

_LETTERS = """
SELECT d.digest, d.state, d.publisher, d.event, d.reason, d.headers, d.value, d.value_bytes, d.truncated, d.count,
       ARRAY[d.first_append::text, d.first_topic, d.first_partition::text, d.first_offset::text],
       ARRAY[d.last_append::text, d.last_topic, d.last_partition::text, d.last_offset::text], d.seal,
       coalesce((
           SELECT o.outcome FROM lianyun.dead_letter_outcome o
           WHERE o.digest = d.digest AND o.outcome IN ('REDRIVEN', 'DISCARDED', 'REPLACED') ORDER BY o.no DESC LIMIT 1
       ), 'OPEN'),
       coalesce(d.first_append < (
           SELECT (extract(epoch FROM m.applied + interval '1 day') * 1000000)::bigint FROM lianyun.migration m WHERE m.number = 37
       ), true)
FROM lianyun.dead_letter d
"""
_OF_NOTHING = """
SELECT o.no, o.digest FROM lianyun.dead_letter_outcome o
WHERE NOT EXISTS (SELECT FROM lianyun.dead_letter d WHERE d.digest = o.digest) ORDER BY o.no
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
_PEOPLE_PERMITTED = """
SELECT bool_and(has_table_privilege('lianyun.' || t, 'SELECT')) FROM unnest(ARRAY['person', 'person_grant', 'redrive_request']) AS n (t)
"""
_OF_STRANGERS = """
SELECT o.no, o.by FROM lianyun.dead_letter_outcome o JOIN lianyun.dead_letter d ON d.digest = o.digest
WHERE starts_with(o.by, 'person:') AND NOT EXISTS (
    SELECT FROM lianyun.redrive_request r
    JOIN lianyun.person p ON p.id = r.person AND p.issuer = r.issuer
    JOIN lianyun.party y ON y.no = p.party AND y.code = d.publisher
    JOIN lianyun.person_grant g ON g.person = p.id AND g.since <= r.requested AND (g.until IS NULL OR r.requested < g.until)
         AND 'events.redrive' = ANY (g.permissions)
    WHERE r.digest = o.digest AND r.requested <= o.at AND o.by = 'person:' || replace(p.id::text, '-', '') || ' of ' || p.issuer
) ORDER BY o.no
"""
_PART = 1_000
_BYTES = "Restore the row from a backup; while the log holds the record, it can be read again from there."
_CUT = (
    "Restore the row from a backup; while the log holds the records, it can be worked out again from there."
)
_STRANGER = (
    "Find out who wrote the request or the outcome; the event that was accepted is judged as any other is."
)
_USAGE = "Restore the missing letters from a backup, then set the row to what the letters add up to."


def check_dead_letters(snapshot: Snapshot, findings: Findings) -> None:
    """Stream all dead letters: seal, digest, event id and lengths from their bytes, states from their outcomes, sums per publisher."""
    letters: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    redriven: dict[bytes, tuple[bytes | str, str]] = {}  # event by letter, and its publisher
    for row in snapshot.stream(_LETTERS):
        letter = _DeadLetter(*row)
        letters[letter.publisher] += 1
        sizes[letter.publisher] += len(letter.framed) + len(letter.value or b"")
        findings.counts["dead_letters"] += 1
        findings.counts["truncated_letters"] += letter.truncated
        differences = [*_row(letter), *_bytes(letter)]
        findings.add_differences(Damage.LETTER, differences, _BYTES, letter.publisher)
        if letter.state == "REDRIVEN" and not letter.truncated and not differences:
            redriven[letter.digest] = _event(unframe(letter.framed)), letter.publisher
            if len(redriven) >= _PART:
                _redriven(snapshot, redriven, findings)
    _redriven(snapshot, redriven, findings)
    _usage(snapshot, letters, sizes, findings)
    _cuts(snapshot, findings)
    for no, key in snapshot.rows(_OF_NOTHING):
        where = f"dead_letter_outcome {no}"
        findings.add(Damage.LETTER, where, "digest", key, "the digest of a letter", _BYTES)
    if not snapshot.one(_PEOPLE_PERMITTED)[0]:
        return
    for no, by in snapshot.rows(_OF_STRANGERS):
        wanted = "a person of the publisher who asked for it and might then"
        findings.add(Damage.LETTER, f"dead_letter_outcome {no}", "by", by, wanted, _STRANGER)


class _DeadLetter(NamedTuple):
    digest: bytes
    state: str
    publisher: str
    event: bytes | None
    reason: str
    framed: bytes
    value: bytes | None
    value_bytes: int | None
    truncated: bool
    copies: int
    first: Sequence[str]  # append time, topic, partition and offset
    last: Sequence[str]
    seal: bytes | None
    came_to: str  # by what was done about it
    older: bool  # may have been stored by a release that makes no seals

    @property
    def where(self) -> str:
        return f"dead_letter {self.digest.hex()}"


def _row(letter: _DeadLetter) -> Iterator[Difference]:
    if letter.reason not in Reason.__members__:
        yield Difference(letter.where, "reason", letter.reason, "a reason code")
    if letter.state != letter.came_to:
        yield Difference(letter.where, "state", letter.state, f"{letter.came_to}, by its outcomes")
    if int(letter.first[0]) > int(letter.last[0]):
        yield Difference(
            letter.where, "first_append", letter.first[0], f"at most {letter.last[0]}, when it came last"
        )
    if letter.copies == 1 and letter.first != letter.last:
        yield Difference(letter.where, "count", 1, "more than 1: it first came from another place than last")


def _bytes(letter: _DeadLetter) -> Iterator[Difference]:
    """What is wrong with the bytes that are held. Cut ones prove nothing by themselves: they have their seal."""
    framed, value, length = letter.framed, letter.value, letter.value_bytes
    seal = letter_seal(letter.digest, letter.publisher, framed, value, length, letter.truncated)
    found = list(_content(letter))
    if letter.seal is None and not letter.older:
        found.append(Difference(letter.where, "seal", "none", "a seal: no older release has put it down"))
    elif not found and letter.seal not in (None, seal):
        found.append(
            Difference(
                letter.where, "headers, value, value_bytes, truncated, publisher or seal", seal, letter.seal
            )
        )
    yield from found


def _content(letter: _DeadLetter) -> Iterator[Difference]:
    framed, value, length = letter.framed, letter.value, letter.value_bytes
    try:
        headers = unframe(framed)
    except ValueError as problem:
        yield Difference(letter.where, "headers", problem, "framed headers")
        return
    if letter.event is not None and headers and letter.event != (named := _event(headers)):
        yield Difference(letter.where, "event", letter.event, named)
    right = None if value is None else len(value)
    whole = letter.digest in (digest(headers, value), whole_digest(headers, value))
    if not letter.truncated:
        if not whole:
            yield Difference(letter.where, "headers or value", digest(headers, value), letter.digest)
        elif length != right:
            yield Difference(letter.where, "value_bytes", length, right)
    elif right is not None and length is not None and right not in (length, min(length, MAX_VALUE_BYTES)):
        yield Difference(
            letter.where,
            "value_bytes",
            length,
            f"{right}, or more than {MAX_VALUE_BYTES}, of which so many are held",
        )
    elif value is not None and whole:
        yield Difference(letter.where, "truncated", True, "false: it is held whole")


def _cuts(snapshot: Snapshot, findings: Findings) -> None:
    """Records refused beyond the bound on dead letters: plausible places and counts, and no more than were refused."""
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
        findings.counts["cut_messages"] += messages
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
                findings.add(Damage.LETTER, where, field, found, right, _CUT, publisher)
    for topic, part, messages, refused in snapshot.rows(_CUT_SUMS):
        expected = f"at most {refused}, what was refused there"
        findings.add(Damage.LETTER, f"dead_letter_cut {topic}[{part}]", "messages", messages, expected, _CUT)


def _redriven(snapshot: Snapshot, redriven: dict[bytes, tuple[bytes | str, str]], findings: Findings) -> None:
    """Events of redriven letters must be stored; empties ``redriven``."""
    ids = sorted({event for event, _ in redriven.values() if isinstance(event, bytes)})
    present = {event for (event,) in snapshot.rows(_ACCEPTED, {"ids": uuids(ids)})}
    remedy = "Open the letter and redrive it again, or restore the event from a backup."
    for key, (event, publisher) in redriven.items():
        if event not in present:
            where = f"dead_letter {key.hex()}"
            findings.add(Damage.LETTER, where, "state", "REDRIVEN", "an accepted event", remedy, publisher)
    redriven.clear()


def _event(headers: list[tuple[str, bytes | None]]) -> bytes | str:
    try:
        envelope = Envelope.from_headers(headers)
    except Refusal as refusal:
        return f"none: {refusal.detail}"
    return event_id(envelope.source, envelope.id)


def _usage(snapshot: Snapshot, letters: Counter[str], sizes: Counter[str], findings: Findings) -> None:
    """Letters and bytes per publisher as the batches counted them: a letter that was deleted leaves a difference."""
    rows = snapshot.rows("SELECT publisher, letters, bytes FROM lianyun.dead_letter_usage")
    counted = {publisher: (number, size) for publisher, number, size in rows}
    for publisher in sorted(counted.keys() | letters.keys()):
        number, size = counted.get(publisher, (0, 0))
        where = f"dead_letter_usage {publisher}"
        if number != letters[publisher]:
            findings.add(Damage.LETTER, where, "letters", letters[publisher], number, _USAGE, publisher)
        elif size != sizes[publisher]:
            findings.add(Damage.LETTER, where, "bytes", sizes[publisher], size, _USAGE, publisher)
