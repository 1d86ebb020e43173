"""The transparency log against what is stored, both ways: every document has its entry, every entry its document, the tree its root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schemas.reasons import Reason
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.ledger.storage.session import Session
from services.transparency import statement
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.entry import Document, Entry
from services.transparency.domain.keys import VerifierKey
from services.transparency.domain.note import Note
from services.transparency.domain.tiles import ReadTile, TileTree, grown
from services.transparency.store import sources
from services.transparency.store.log import KEYS_CHANGED, Head, LogRefused, NoLog, read_entries, read_head
from services.transparency.store.sources import Cursor, Found, Unloggable

REMEDY = (
    "Somebody changed the database behind the platform's back. Keep a copy, compare the last checkpoint that a witness or a mirror"
    " has with the head, and restore from a backup that continues it."
)
MISSING = "It was accepted, and the log does not hold it: " + REMEDY
PAGE = 2_000
_PERMITTED = "SELECT has_table_privilege('lianyun.transparency_entry', 'SELECT')"
_LEFT = """
SELECT name FROM (
    SELECT 'transparency_entry', EXISTS (SELECT FROM lianyun.transparency_entry)
    UNION ALL SELECT 'transparency_tile', EXISTS (SELECT FROM lianyun.transparency_tile)
    UNION ALL SELECT 'transparency_cursor', EXISTS (SELECT FROM lianyun.transparency_cursor)
) AS t (name, there) WHERE there
"""
_TILES = "SELECT level, number, hashes FROM lianyun.transparency_tile"
_COUNTS = "SELECT source, count(*) FROM lianyun.transparency_entry GROUP BY source"
_CURSORS = """
SELECT c.source, c.major, c.minor,
       c.source IN ('event', 'decision', 'case-step', 'document-decision', 'refused')
       OR EXISTS (SELECT FROM lianyun.audit_head h WHERE c.source = 'register ' || h.register)
       OR EXISTS (SELECT FROM lianyun.access_stream s WHERE c.source = s.log || ' ' || s.stream)
FROM lianyun.transparency_cursor c ORDER BY c.source
"""
_SURPLUS = """
SELECT e.source, e.position, e.entry FROM lianyun.transparency_entry e
WHERE (e.source = 'event' AND NOT EXISTS (SELECT FROM lianyun.body b WHERE b.no = e.position::bigint))
   OR (e.source = 'decision' AND NOT EXISTS (SELECT FROM lianyun.financing_decision d WHERE d.number = e.position::bigint))
   OR (e.source = 'case-step' AND NOT EXISTS (SELECT FROM lianyun.case_step s WHERE s.number = e.position::bigint))
   OR (e.source = 'document-decision' AND NOT EXISTS (SELECT FROM lianyun.document_decision d WHERE d.number = e.position::bigint))
   OR (e.source = 'refused' AND NOT EXISTS (SELECT FROM lianyun.dead_letter d WHERE d.digest = decode(e.position, 'hex')))
   OR (e.source LIKE 'register %' AND NOT EXISTS (
           SELECT FROM lianyun.audit_trail t WHERE t.register = substr(e.source, 10) AND t.no = e.position::bigint))
   OR (e.source LIKE 'access_log %' AND NOT EXISTS (
           SELECT FROM lianyun.access_log l WHERE l.stream = split_part(e.source, ' ', 2)::integer AND l.place = e.position::bigint))
   OR (e.source LIKE 'access_log_sealed %' AND NOT EXISTS (
           SELECT FROM lianyun.access_log_sealed l WHERE l.stream = split_part(e.source, ' ', 2)::integer AND l.place = e.position::bigint))
ORDER BY e.index
""".replace("%", "%%")
_PURGED = "SELECT coalesce(max((detail ->> 'older_than')::bigint), 0) FROM lianyun.platform_event WHERE kind = 'DEAD_LETTERS_PURGED'"
_KEYS = f"""
SELECT detail -> 'keys', (detail ->> 'until')::bigint FROM lianyun.platform_event WHERE kind = '{KEYS_CHANGED}' ORDER BY no DESC LIMIT 1
"""  # noqa: S608
_JUDGED_AGAIN = """
SELECT encode(d.digest, 'hex') FROM lianyun.dead_letter d
WHERE encode(d.digest, 'hex') = ANY (%s) AND (d.count > 1 OR EXISTS (
    SELECT FROM lianyun.dead_letter_outcome o WHERE o.digest = d.digest AND o.action = 'redrive'))
"""


def check_transparency(snapshot: Snapshot, network: str, findings: Findings) -> None:
    """Compare everything up to what has joined the log; nothing where there is no log.

    ``transparency_not_permitted`` counts a role that may not read it. Memory grows by 32 bytes for each entry.
    """
    if not snapshot.one(_PERMITTED)[0]:
        findings.counts["transparency_not_permitted"] += 1
        return
    try:
        head = read_head(snapshot.connection)
    except NoLog:
        for (table,) in snapshot.rows(_LEFT):
            stored = f"no row, beside rows of {table}"
            findings.add(
                Damage.TRANSPARENCY, "transparency_head", "row", stored, "the head of the log", REMEDY
            )
        return
    except LogRefused as fault:
        findings.add(
            Damage.TRANSPARENCY, "transparency_head", "checkpoint", str(fault), "what the log signed", REMEDY
        )
        return
    _check_keys(snapshot, head, findings)
    _check_tree(snapshot, head, findings)
    counts: dict[str, int] = dict(snapshot.rows(_COUNTS))
    for source, major, minor, known in snapshot.rows(_CURSORS):
        if not known:
            findings.add(
                Damage.TRANSPARENCY, "transparency_cursor", "source", source, "none of that name", REMEDY
            )
            continue
        documents = _check_source(snapshot.connection, network, source, Cursor(major, minor), findings)
        entries = counts.pop(source, 0)
        # Refused messages go after their time (`lianyun db retain`), and their entries stay.
        if entries > documents and source != "refused":
            where = f"entries of {source}"
            findings.add(Damage.TRANSPARENCY, where, "documents", documents, entries, REMEDY)
    for source, entries in counts.items():
        findings.add(
            Damage.TRANSPARENCY, f"entries of {source}", "cursor", "none", f"behind {entries} entries", REMEDY
        )
    (purged,) = snapshot.one(_PURGED)
    for source, position, raw in snapshot.rows(_SURPLUS):
        if source == "refused" and Entry.parse(bytes(raw)).at < purged:
            continue  # removed after its time, which is an entry of a register
        where = f"entry of {source} {position}"
        findings.add(Damage.TRANSPARENCY, where, "document", "none", "what was accepted", REMEDY)


def _check_keys(snapshot: Snapshot, head: Head, findings: Findings) -> None:
    """The keys that sign beside the log's own, and the announced end, are as they were changed last."""
    keys, until = next(iter(snapshot.rows(_KEYS)), ([str(head.key)], None))
    stored, expected = ([*map(str, head.keys)], head.until), (keys, until)
    if stored != expected:
        findings.add(Damage.TRANSPARENCY, "transparency_head", "keys", stored, expected, REMEDY)


def _check_tree(snapshot: Snapshot, head: Head, findings: Findings) -> None:
    """The entries give the tiles, and the tiles the roots that were signed."""
    session, size = snapshot.connection, head.checkpoint.size
    tiles: dict[tuple[int, int], bytes] = {}

    def read(level: int, number: int) -> bytes:
        return tiles.get((level, number), b"")

    first = 0
    while entries := read_entries(session, first, first + PAGE):
        tiles |= grown(first, entries, read)
        first += len(entries)
    findings.counts["transparency_entries"] += first
    if first != size:
        findings.add(Damage.TRANSPARENCY, "transparency_entry", "rows", first, size, REMEDY)
        return
    stored = {(level, number): bytes(hashes) for level, number, hashes in snapshot.rows(_TILES)}
    for place in sorted(stored.keys() | tiles.keys()):
        if stored.get(place) != tiles.get(place):
            where = f"transparency_tile {place[0]}/{place[1]}"
            findings.add(Damage.TRANSPARENCY, where, "hashes", "others", "those of the entries", REMEDY)
    _check_root(head.checkpoint, "checkpoint", read, findings)
    if head.cosigned is not None:
        _check_cosigned(head.key, head.cosigned, size, read, findings)


def _check_root(checkpoint: Checkpoint, field: str, read: ReadTile, findings: Findings) -> None:
    root = TileTree(checkpoint.size, read).root
    if root != checkpoint.root:
        stored = f"root {checkpoint.root.hex()} of {checkpoint.size} entries"
        findings.add(
            Damage.TRANSPARENCY,
            "transparency_head",
            field,
            stored,
            f"root {root.hex()} of the entries",
            REMEDY,
        )


def _check_cosigned(key: VerifierKey, note: Note, size: int, read: ReadTile, findings: Findings) -> None:
    try:
        note.verified([key])
        cosigned = Checkpoint.parse(note.text)
    except ValueError as fault:
        findings.add(
            Damage.TRANSPARENCY, "transparency_head", "cosigned", str(fault), "signed by the log", REMEDY
        )
        return
    if cosigned.size > size:
        findings.add(
            Damage.TRANSPARENCY, "transparency_head", "size", size, f"at least {cosigned.size}", REMEDY
        )
    else:
        _check_root(cosigned, "cosigned", read, findings)


def _check_source(session: Session, network: str, source: str, end: Cursor, findings: Findings) -> int:
    """Compare the documents of a source that have joined the log with their entries; how many there are."""
    documents, after, more = 0, Cursor(), True
    while more:
        try:
            page = sources.read(session, network, source, after, PAGE, now=0)
        except Unloggable as fault:
            findings.add(
                Damage.TRANSPARENCY, f"document of {source}", "bytes", str(fault), "what was accepted", REMEDY
            )
            return documents
        found = [each for each in page if _joined(each.cursor, end)]
        _compare(session, source, found, findings)
        documents += len(found)
        more = bool(page) and len(found) == len(page)
        after = page[-1].cursor if page else after
    return documents


def _joined(cursor: Cursor, end: Cursor) -> bool:
    return (int(cursor.major), cursor.minor) <= (int(end.major), end.minor)


def _compare(session: Session, source: str, found: Sequence[Found], findings: Findings) -> None:
    positions = [each.position for each in found]
    rows = session.execute(statement("entries_of"), {"source": source, "positions": positions}).fetchall()
    stored = {position: (index, salt, bytes(entry)) for position, index, salt, entry in rows}
    again = _judged_again(session, positions) if source == "refused" else frozenset()
    for each in found:
        known = stored.get(each.position)
        if known is None:
            where = f"document {each.position} of {source}"
            findings.add(Damage.TRANSPARENCY, where, "entry", "none", "an entry of the log", MISSING)
            continue
        index, salt, raw = known
        if each.salt is not None and salt is None:
            findings.counts["transparency_erased"] += 1
            continue
        entry = Entry.parse(raw)
        document = each.document if each.salt is None else replace(each.document, salt=bytes(salt))
        if source.startswith("register "):
            document = replace(document, at=entry.at)
        if source == "refused":
            document = _as_refused(entry, document, each.position in again)
        if not entry.covers(document):
            where = f"entry {index}, {source} {each.position}"
            findings.add(Damage.TRANSPARENCY, where, "document", "another one", "what was accepted", REMEDY)


def _judged_again(session: Session, digests: Sequence[str]) -> frozenset[str]:
    """The letters that came more than once or were redriven: their reason is that of the latest judgement."""
    return frozenset(digest for (digest,) in session.execute(_JUDGED_AGAIN, [list(digests)]).fetchall())


def _as_refused(entry: Entry, document: Document, again: bool) -> Document:
    """The document of a letter as it was when it joined: where it came first only moves earlier, and its reason changes by a judgement."""
    if document.at <= entry.at:
        document = replace(document, at=entry.at, place=entry.place)
    reasons = (document.text[len(document.identity) :].decode(), *(Reason if again else ()))
    forms = [replace(document, text=document.identity + reason.encode()) for reason in reasons]
    return next((each for each in forms if entry.covers(each)), document)
