"""Where events about financing are found: each stored event is noted under its subjects, and under no others."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.correction import Corrected
from schemas.events.decode import decode_payload
from schemas.reasons import Refusal
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.financing.store.identifiers import subjects
from services.financing.store.subject_index import REQUESTS
from services.ledger.admission.raw_bytes import unframe
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage.term_numbers import key_text

WORDS_REMEDY = (
    "Set the rows of lianyun.financing_word to what the event says; they are found by nothing else."
)
FAULT_REMEDY = "Look for the error in the log of the API; the decision is tried again every ten minutes."
_SPOKEN = r"""
SELECT b.no, b.key_id, b.headers, b.payload FROM lianyun.body b
WHERE position('cre.finance.'::bytea IN b.headers) > 0
   OR (position('cre.correction.corrected.'::bytea IN b.headers) > 0 AND position('cre.finance.'::bytea IN b.payload) > 0)
ORDER BY b.no
"""
_WORDS = "SELECT no, subject FROM lianyun.financing_word WHERE no >= %(lowest)s ORDER BY no, subject"
_ASKED = """
SELECT a.no, a.answered, a.fault, (
    SELECT max(d.number) FROM lianyun.body b JOIN lianyun.financing_decision d ON d.request = b.id WHERE b.no = a.no
)
FROM lianyun.financing_asked a WHERE a.no >= %(lowest)s
"""
_WATCHES = """
SELECT w.financing, w.no FROM lianyun.financing_watch w
WHERE NOT EXISTS (SELECT 1 FROM lianyun.financing_hold h WHERE h.financing = w.financing)
   OR (w.no >= %(lowest)s AND NOT EXISTS (SELECT 1 FROM lianyun.body b WHERE b.no = w.no))
ORDER BY w.no
"""


def check_words(snapshot: Snapshot, history: RegistryHistory, lowest: int, findings: Findings) -> None:
    """Compare the rows with what the stored events speak of, from event number ``lowest`` on; one pass over the bodies."""
    asking: set[int] = set()
    expected = _expected(snapshot, history, asking)
    stored = ((int(no), bytes(subject)) for no, subject in snapshot.stream(_WORDS, {"lowest": lowest}))
    right, there = next(expected, None), next(stored, None)
    while right is not None or there is not None:
        if there is None or (right is not None and right < there):
            assert right is not None
            _note(findings, right, "missing", "a row")
            right = next(expected, None)
        elif right is None or there < right:
            _note(findings, there, "a row", "no row")
            there = next(stored, None)
        else:
            findings.counts["financing_words"] += 1
            right, there = next(expected, None), next(stored, None)
    _check_asked(snapshot, asking, lowest, findings)


def _check_asked(snapshot: Snapshot, asking: set[int], lowest: int, findings: Findings) -> None:
    """Each event that asks for a decision waits for it or has it; memory grows with such events."""
    remedy = "Set the row to what the events say; `answered` is the number of a decision that is stored."
    stored = {no: row for no, *row in snapshot.rows(_ASKED, {"lowest": lowest})}
    for no in sorted(asking ^ stored.keys()):
        shown = ("missing", "a row") if no in asking else ("a row", "no row")
        findings.add(Damage.FINANCING, f"financing_asked of event {no}", "row", *shown, remedy)
    for no, (answered, fault, decided) in stored.items():
        findings.counts["requests_waiting"] += answered is None
        if fault is not None:
            where = f"financing_asked of event {no}"
            findings.add(Damage.FINANCING, where, "fault", fault, "a decision", FAULT_REMEDY)
        if (answered or None) != decided:
            where = f"financing_asked of event {no}"
            expected = "no decision" if decided is None else f"decision {decided}, which names the event"
            findings.add(Damage.FINANCING, where, "answered", answered, expected, remedy)


def _expected(snapshot: Snapshot, history: RegistryHistory, asking: set[int]) -> Iterator[tuple[int, bytes]]:
    registry = history.newest()
    for no, key_id, headers, payload in snapshot.stream(_SPOKEN):
        key = registry.key(key_text(key_id))
        if key is None:
            continue  # reported by the event pass
        try:
            named = dict(unframe(bytes(headers)))
            type_ = named.get("ce_type") or b""
            content = decode_payload(type_.decode(), bytes(payload))
        except (ValueError, Refusal):
            continue  # reported by the event pass
        if type_ in REQUESTS:
            asking.add(int(no))
        content = content.replacement.payload if isinstance(content, Corrected) else content
        yield from sorted({(int(no), subject) for subject in subjects(key.party, content)})


def check_watches(snapshot: Snapshot, lowest: int, findings: Findings) -> None:
    """Every watch is of a known financing and a stored event."""
    remedy = (
        "Delete the row: there is no such financing or event, or restore the row of lianyun.financing_hold."
    )
    for financing, no in snapshot.rows(_WATCHES, {"lowest": lowest}):
        where = f"financing_watch {bytes(financing).hex()} of event {no}"
        findings.add(Damage.FINANCING, where, "financing", "not known", "a financing, and an event", remedy)


def _note(findings: Findings, row: tuple[int, bytes], stored: str, expected: str) -> None:
    no, subject = row
    where = f"financing_word of event {no}, subject {subject.hex()}"
    findings.add(Damage.FINANCING, where, "row", stored, expected, WORDS_REMEDY)
