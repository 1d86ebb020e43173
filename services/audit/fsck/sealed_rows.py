"""Rows with seals: the access log and repeatable answers, messages to parties and their deliveries. None is missing, changed or added by hand."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from services.audit.fsck.registers import audited, permitted, trail_entry
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.ledger.audit_trail.digests import (
    ANSWER,
    COLUMNS,
    DELIVERY,
    MESSAGE,
    NONE,
    OLDER_RELEASES,
    chained,
    delivery_seal,
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


def check_access_log(snapshot: Snapshot, findings: Findings) -> None:
    """Verify every stream of both logs from its first line to its last, and every answer with the line that names it.

    ``access_log_not_permitted`` counts a role that may not read them; ``lines_without_seal`` and ``answers_without_seal`` count what
    releases from before the seals wrote. Streams all lines, sorted by the database.
    """
    if not permitted(snapshot, *LOGS, "access_stream", "api_answer", "api_answer_purge", "audit_trail"):
        findings.counts["access_log_not_permitted"] += 1
        return
    strict = audited(snapshot)
    heads = {(log, stream): (lines, last) for log, stream, lines, last in snapshot.rows(_STREAMS)}
    for log in LOGS:
        _streams(snapshot, log, heads, findings)
        _older(snapshot, log, strict, findings)
    for (log, stream), (lines, _) in sorted(heads.items()):
        _line(findings, f"{log}, stream {stream}", "lines", "none", lines)
    _answers(snapshot, strict, findings)


def _streams(
    snapshot: Snapshot, log: str, heads: dict[tuple[str, int], tuple[int, bytes]], findings: Findings
) -> None:
    """Each line follows the one before; takes what it found out of ``heads``."""
    query = (
        f"SELECT stream, place, seal, {select_list(COLUMNS)} FROM lianyun.{log} WHERE seal IS NOT NULL"  # noqa: S608
        " ORDER BY stream, place"
    )
    for stream, rows in groupby(snapshot.stream(query), key=lambda row: row[0]):
        last, digest = 0, NONE
        for _, place, stored, *line in rows:
            findings.counts["access_log_lines"] += 1
            where, party = f"{log} {line[0]}, line {place} of stream {stream}", line[COLUMNS.index("party")]
            if place != last + 1:
                _line(findings, f"{log}, stream {stream}", "place", f"{place} behind {last}", (last or 0) + 1)
            elif stored != (right := chained(digest, seal(*line))):
                _line(findings, where, "line or seal", stored, right, party)
            last, digest = place or last, stored
        head = heads.pop((log, stream), None)
        if head is None:
            _line(findings, f"access_stream {log} {stream}", "row", "no row", f"{last} lines")
        elif head != (last, digest):
            stored_head, noted_head = f"{last} {digest.hex()}", f"{head[0]} {head[1].hex()}"
            _line(findings, f"{log}, stream {stream}", "last line and seal", stored_head, noted_head)


def _older(snapshot: Snapshot, log: str, strict: bool, findings: Findings) -> None:
    found = unsealed_summary(snapshot.stream(unsealed_query(log)))
    findings.counts["lines_without_seal"] += found["rows"]
    entry = trail_entry(snapshot, log, OLDER_RELEASES)
    if strict and found != entry:
        where = f"{log}, lines without a seal, of older releases"
        _line(findings, where, "rows or digest", found, entry or "an entry of the audit trail")


def _line(
    findings: Findings, where: str, field: str, stored: object, expected: object, party: str = ""
) -> None:
    findings.add(Damage.ACCESS_LOG, where, field, stored, expected, _RESTORE, party)


def _answers(snapshot: Snapshot, strict: bool, findings: Findings) -> None:
    def note(where: str, field: str, stored: object, expected: object, party: str = "") -> None:
        findings.add(Damage.ACCESS_LOG, where, field, stored, expected, _ANSWERS, party)

    purged = [given for (given,) in snapshot.rows("SELECT given FROM lianyun.api_answer_purge")]
    if not purged:
        note("api_answer_purge", "row", "no row", "a row: the migration makes it")
    forgotten = purged[0] if purged else 0
    older = trail_entry(snapshot, "api_answer", OLDER_RELEASES).get("given", -1)
    assert isinstance(older, int)
    given = ANSWER.index("given")
    for stored, *answer in snapshot.stream(f"SELECT seal, {select_list(ANSWER)} FROM lianyun.api_answer"):  # noqa: S608
        findings.counts["answers"] += 1
        where, party = f"api_answer {answer[0]} {answer[1]}", answer[0]
        if answer[given] < forgotten:
            note(
                where, "given", answer[given], f"above {forgotten}, up to which answers were forgotten", party
            )
        if stored is not None and stored != (right := seal(*answer)):
            note(where, "answer or seal", stored, right, party)
        if stored is None:
            findings.counts["answers_without_seal"] += 1
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


_REDELIVER = (
    "Restore the row from a backup; its party can have it delivered again: POST /v1/webhooks/{id}/replay."
)
_DAY = 86_400_000_000


def check_webhooks(snapshot: Snapshot, findings: Findings) -> None:
    """Verify the seal of every message and delivery, and how many there are.

    ``webhooks_not_permitted`` counts a role that may not read them; ``webhooks_without_seal`` counts what older releases wrote. Memory
    grows with subscriptions and with the days that messages are stored for.
    """
    if not permitted(snapshot, "webhook_message", "webhook_delivery", "webhook_tally", "audit_trail"):
        findings.counts["webhooks_not_permitted"] += 1
        return

    def note(where: str, field: str, stored: object, expected: object, party: str = "") -> None:
        findings.add(Damage.WEBHOOK, where, field, stored, expected, _REDELIVER, party)

    strict = audited(snapshot)
    older = (
        trail_entry(snapshot, "webhook_message", OLDER_RELEASES).get("at", -1) if strict else (1 << 63) - 1
    )
    assert isinstance(older, int)
    tally: Counter[str] = Counter()
    messages = f"SELECT seal, {select_list(MESSAGE)} FROM lianyun.webhook_message"  # noqa: S608
    for stored, *message in snapshot.stream(messages):
        findings.counts["webhook_messages"] += 1
        id_, party, _, at, *_ = message
        if stored is None:
            findings.counts["webhooks_without_seal"] += 1
            if at > older:
                note(
                    f"webhook_message {id_}", "seal", "none", f"a seal: the last without is of {older}", party
                )
            continue
        tally[f"messages of day {at // _DAY}"] += 1
        if stored != (right := seal(*message)):
            note(f"webhook_message {id_}", "message or seal", stored, right, party)
    deliveries = (
        f"SELECT d.seal, m.at, {', '.join(f'd.{name}' for name in DELIVERY)} FROM lianyun.webhook_delivery d"  # noqa: S608
        " LEFT JOIN lianyun.webhook_message m ON m.id = d.message"
    )
    for stored, at, *delivery in snapshot.stream(deliveries):
        findings.counts["webhook_deliveries"] += 1
        where = f"webhook_delivery {delivery[0]} {delivery[1]}"
        if at is None:
            note(where, "message", delivery[1], "a stored message")
        elif stored is None:
            findings.counts["webhooks_without_seal"] += 1
            if at > older:
                note(where, "seal", "none", f"a seal: the last message without is of {older}")
        if stored is not None:
            tally[f"deliveries to {delivery[0]}"] += 1
            # An older release settles deliveries and leaves their seals as they are.
            if strict and stored != (right := delivery_seal(*delivery)):
                note(where, "delivery or seal", stored, right)
    counted: dict[str, int] = dict(snapshot.rows("SELECT name, rows FROM lianyun.webhook_tally"))
    for name in sorted(counted.keys() | tally.keys()) if strict else ():
        if name not in counted or counted[name] != tally[name]:
            table = "webhook_message" if name.startswith("messages") else "webhook_delivery"
            note(f"{table}, {name} by webhook_tally", "rows", tally[name], counted.get(name, "no row"))
