"""The access log and the answers that may be asked for again: none is missing, none was changed, none was added by hand."""

from __future__ import annotations

from itertools import groupby

from services.audit.fsck.finding import Damage, Notebook
from services.audit.fsck.snapshot import Snapshot
from services.audit.fsck.trail import audited, entered, permitted
from services.ledger.audit_trail.digests import (
    ANSWER,
    COLUMNS,
    NONE,
    OLDER_RELEASES,
    chained,
    seal,
    select_list,
    unsealed_query,
    unsealed_summary,
)
from services.ledger.audit_trail.entries import LOGS

_RESTORE = "Restore the lines from a backup, and find out who changed the log: it says who read what."
_ANSWERS = (
    "Restore lianyun.api_answer from a backup: a request that is repeated gets the answer that stands there."
)
_STREAMS = "SELECT log, stream, lines, seal FROM lianyun.access_stream"
_UNFORGOTTEN = """
SELECT l.request, l.party, l.at FROM lianyun.{log} l
WHERE l.answer IS NOT NULL AND l.at > %s AND NOT EXISTS (SELECT FROM lianyun.api_answer a WHERE a.seal = l.answer)
"""
_UNLOGGED = """
SELECT a.party, a.key FROM lianyun.api_answer a
WHERE a.seal IS NOT NULL AND NOT EXISTS (
    SELECT FROM (
        SELECT answer FROM lianyun.access_log UNION ALL SELECT answer FROM lianyun.access_log_sealed
    ) AS l WHERE l.answer = a.seal
)
"""


def check_access_log(snapshot: Snapshot, notebook: Notebook) -> None:
    """Verify every stream of both logs from its first line to its last, and every answer with the line that names it.

    ``access_log_not_permitted`` says that this role may not; ``lines_without_seal`` and ``answers_without_seal`` count what
    releases from before the seals wrote. Streams all lines, sorted by the database.
    """
    if not permitted(snapshot, *LOGS, "access_stream", "api_answer", "api_answer_purge", "audit_trail"):
        notebook.counts["access_log_not_permitted"] += 1
        return
    strict = audited(snapshot)
    heads = {(log, stream): (lines, last) for log, stream, lines, last in snapshot.rows(_STREAMS)}
    for log in LOGS:
        _streams(snapshot, log, heads, notebook)
        _older(snapshot, log, strict, notebook)
    for (log, stream), (lines, _) in sorted(heads.items()):
        _line(notebook, f"{log}, stream {stream}", "lines", "none", lines)
    _answers(snapshot, strict, notebook)


def _streams(
    snapshot: Snapshot, log: str, heads: dict[tuple[str, int], tuple[int, bytes]], notebook: Notebook
) -> None:
    """Each line follows the one before; takes what it found out of ``heads``."""
    query = (
        f"SELECT stream, place, seal, {select_list(COLUMNS)} FROM lianyun.{log} WHERE seal IS NOT NULL"  # noqa: S608
        " ORDER BY stream, place"
    )
    for stream, rows in groupby(snapshot.stream(query), key=lambda row: row[0]):
        last, digest = 0, NONE
        for _, place, stored, *line in rows:
            notebook.counts["access_log_lines"] += 1
            where, party = f"{log} {line[0]}, line {place} of stream {stream}", line[COLUMNS.index("party")]
            if place != last + 1:
                _line(notebook, f"{log}, stream {stream}", "place", f"{place} behind {last}", (last or 0) + 1)
            elif stored != (right := chained(digest, seal(*line))):
                _line(notebook, where, "line or seal", stored, right, party)
            last, digest = place or last, stored
        head = heads.pop((log, stream), None)
        if head is None:
            _line(notebook, f"access_stream {log} {stream}", "row", "no row", f"{last} lines")
        elif head != (last, digest):
            stands, said = f"{last} {digest.hex()}", f"{head[0]} {head[1].hex()}"
            _line(notebook, f"{log}, stream {stream}", "last line and seal", stands, said)


def _older(snapshot: Snapshot, log: str, strict: bool, notebook: Notebook) -> None:
    found = unsealed_summary(snapshot.stream(unsealed_query(log)))
    notebook.counts["lines_without_seal"] += found["rows"]
    said = entered(snapshot, log, OLDER_RELEASES)
    if strict and found != said:
        where = f"{log}, lines without a seal, of older releases"
        _line(notebook, where, "rows or digest", found, said or "an entry of the audit trail")


def _line(
    notebook: Notebook, where: str, field: str, stored: object, expected: object, party: str = ""
) -> None:
    notebook.add(Damage.ACCESS_LOG, where, field, stored, expected, _RESTORE, party)


def _answers(snapshot: Snapshot, strict: bool, notebook: Notebook) -> None:
    def note(where: str, field: str, stored: object, expected: object, party: str = "") -> None:
        notebook.add(Damage.ACCESS_LOG, where, field, stored, expected, _ANSWERS, party)

    purged = [given for (given,) in snapshot.rows("SELECT given FROM lianyun.api_answer_purge")]
    if not purged:
        note("api_answer_purge", "row", "no row", "a row: the migration makes it")
    forgotten = purged[0] if purged else 0
    older = entered(snapshot, "api_answer", OLDER_RELEASES).get("given", -1)
    assert isinstance(older, int)
    given = ANSWER.index("given")
    for stored, *answer in snapshot.stream(f"SELECT seal, {select_list(ANSWER)} FROM lianyun.api_answer"):  # noqa: S608
        notebook.counts["answers"] += 1
        where, party = f"api_answer {answer[0]} {answer[1]}", answer[0]
        if answer[given] < forgotten:
            note(
                where, "given", answer[given], f"above {forgotten}, up to which answers were forgotten", party
            )
        if stored is not None and stored != (right := seal(*answer)):
            note(where, "answer or seal", stored, right, party)
        if stored is None:
            notebook.counts["answers_without_seal"] += 1
            if strict and answer[given] > older:
                note(where, "seal", "none", f"a seal: the last without was given at {older}", party)
    if not strict:
        return
    for party, key in snapshot.rows(_UNLOGGED):
        note(f"api_answer {party} {key}", "row", "a row", "no row: no line of the access log names it", party)
    for log in LOGS:
        for request, party, at in snapshot.rows(_UNFORGOTTEN.format(log=log), [forgotten]):
            note(
                f"api_answer of {party} to request {request}",
                "row",
                "no row",
                f"the answer given at {at}",
                party,
            )
