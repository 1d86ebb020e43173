"""Documents: each decision signed by the platform and its instruction by the acting party, versions by their digests, chains and heads recomputed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import orjson

from schemas.events.document_control import DocumentDecided
from schemas.reasons import Refusal
from schemas.signature_header import parse_header
from services.audit.fsck.snapshot import Row, Snapshot
from services.audit.fsck.verification import signed_by_platform
from services.audit.report import Damage, Findings
from services.documents.domain.decisions import DRAFT, SIGN, Decision, Register
from services.documents.domain.document import Document, canonical
from services.documents.domain.transfer import Action, BrokenChain
from services.documents.store.document_service import event_id_of, head_row, stated
from services.documents.store.registers import COLUMNS, DECISION_LIST, decision_of
from services.ledger.registry.party import KeyState, key_state
from services.ledger.registry.registry import Registry, RegistryError
from services.ledger.registry.store import RegistryHistory

RESTORE = "Restore the rows of lianyun.document_decision and document_version from a backup; signatures and digests tell the right bytes."
HEAD = "Set the row of lianyun.document_head to what the signed decisions make of it."
_PERMITTED = "SELECT has_table_privilege('lianyun.document_decision', 'SELECT')"
_DECISIONS = f"""
SELECT {DECISION_LIST}, d.headers, d.payload, d.xid::text FROM lianyun.document_decision d ORDER BY d.document, d.number
"""  # noqa: S608 - columns
_VERSIONS = (
    "SELECT document, content, decision, body FROM lianyun.document_version ORDER BY document, content"
)
_HEADS = """
SELECT document, number, kind, form, issuer, consignment, cons, controls, holder, state, transfers, last, at, readers FROM lianyun.document_head
"""


def check_documents(snapshot: Snapshot, history: RegistryHistory, network: str, findings: Findings) -> None:
    """Check everything; ``documents_not_permitted`` counts a role that may not read it. Memory grows with the documents."""
    if not snapshot.one(_PERMITTED)[0]:
        findings.counts["documents_not_permitted"] += 1
        return
    versions = _versions(snapshot, findings)
    heads: dict[bytes, dict[str, Any]] = {}
    drafted: set[tuple[bytes, str, int]] = set()
    for document, rows in groupby(snapshot.stream(_DECISIONS), key=lambda row: row[1]):
        decisions = list(_decisions(rows, history, network, findings))
        of = {content: whole for (id_, content), (whole, _) in versions.items() if id_ == document}
        drafted |= {
            (document, each.content, each.number) for each in decisions if each.done and each.action == DRAFT
        }
        try:
            heads[document] = head_row(_register(decisions, of, findings))
        except BrokenChain as broken:
            where = f"document {document.hex()}, transfer {broken.number}"
            findings.add(
                Damage.DOCUMENT, where, "chain", broken.refusal.reason, "the next of its chain", RESTORE
            )
        except (LookupError, StopIteration) as problem:
            missing = f"no version or draft ({type(problem).__name__})"
            findings.add(
                Damage.DOCUMENT,
                f"document {document.hex()}",
                "document_version",
                missing,
                "what was drafted",
                RESTORE,
            )
    first: dict[tuple[bytes, str], int] = {}
    for id_, content, number in sorted(drafted):
        first.setdefault((id_, content), number)
    for place in sorted(versions.keys() | first.keys()):
        there = versions[place][1] if place in versions else None
        if there != first.get(place):
            where = f"document_version {place[1][:16]} of {place[0].hex()}"
            findings.add(Damage.DOCUMENT, where, "decision", there, first.get(place), RESTORE)
    _heads(snapshot, heads, findings)


def _versions(snapshot: Snapshot, findings: Findings) -> dict[tuple[bytes, str], tuple[Document, int]]:
    found: dict[tuple[bytes, str], tuple[Document, int]] = {}
    for id_, content, decision, body in snapshot.stream(_VERSIONS):
        findings.counts["document_versions"] += 1
        where = f"document_version {content[:16]} of {id_.hex()}"
        try:
            document = Document.of_plain(orjson.loads(body))
        except (ValueError, KeyError, TypeError) as problem:
            findings.unreadable(where, problem)
            continue
        for field, stored, expected in (
            ("content", content, document.digest),
            ("document", id_.hex(), document.id),
            ("body", body, canonical(document.plain).decode()),
        ):
            if stored != expected:
                findings.add(Damage.DOCUMENT, where, field, stored, expected, RESTORE)
        found[id_, content] = document, decision
    return found


def _decisions(
    rows: Iterator[Row], history: RegistryHistory, network: str, findings: Findings
) -> Iterator[Decision]:
    before: int | None = None
    for row in rows:
        findings.counts["document_decisions"] += 1
        try:
            decision = decision_of(row[:COLUMNS])
            headers, payload, xid = row[COLUMNS:]
            _decision(decision, bytes(headers), bytes(payload), history, network, findings)
        except Exception as problem:
            findings.unreadable(f"document_decision {row[0]}", problem)
            return
        if decision.before != before:
            _note(findings, decision, "before", decision.before, before)
        if decision.position > int(xid):
            _note(findings, decision, "position", decision.position, f"at most {xid}, its own transaction")
        before = decision.number
        yield decision


def _decision(
    decision: Decision,
    headers: bytes,
    payload: bytes,
    history: RegistryHistory,
    network: str,
    findings: Findings,
) -> None:
    found = signed_by_platform(
        headers,
        payload,
        decision.at,
        DocumentDecided,
        history.newest(),
        network,
        lambda field, stored, expected: _note(findings, decision, field, stored, expected),
    )
    if found is not None:
        envelope, content = found
        for field, value, expected in (
            ("id", envelope.id, event_id_of(decision)),
            ("type", envelope.type, DocumentDecided.spec.type),
            *((name, value, content.get(name)) for name, value in stated(decision).items()),
        ):
            if value != expected:
                _note(findings, decision, field, value, expected)
    ask = decision.instructed(network)
    if decision.instruction != ask.digest:
        _note(findings, decision, "instruction", decision.instruction, ask.digest)
    try:
        registry = history.at(decision.registry)
    except (LookupError, RegistryError):
        _note(findings, decision, "registry", decision.registry, f"0 to {history.version}")
        return
    fault = _unproven(decision, registry, network)
    if fault:
        _note(findings, decision, "signature", fault, f"the signature of {decision.by} over its instruction")


def _unproven(decision: Decision, registry: Registry, network: str) -> str:
    """What is wrong with the acting party's signature; "" where it is good."""
    try:
        key = registry.key(parse_header(decision.signature.encode("ascii", "replace")).key_id)
    except Refusal as refusal:
        return refusal.detail
    if key is None or key.party != decision.by:
        return "by no key of the party"
    state = key_state(key, decision.at)
    return (
        f"by a key that was {state}"
        if state is not KeyState.VALID
        else decision.instructed(network).fault(decision.signature, key.public)
    )


def _register(decisions: list[Decision], versions: dict[str, Document], findings: Findings) -> Register:
    """The register of a document, its issue and amendments held against the signatures before them. Raises BrokenChain."""
    signed: dict[str, set[str]] = {}
    for each in decisions:
        if each.done and each.action == SIGN:
            signed.setdefault(each.content, set()).add(each.by)
        elif each.done and each.action in (Action.ISSUE, Action.AMEND):
            missing = versions[each.content].unsigned(signed.get(each.content, ()))
            if missing:
                _note(findings, each, "signatures", "not of all", ", ".join(p.party for p in missing))
        if each.done != (not each.guard) or (each.place > 0) != (
            each.done and each.action not in (DRAFT, SIGN)
        ):
            _note(
                findings,
                each,
                "outcome",
                f"{each.outcome} {each.place} {each.guard}",
                "a transfer that is done, or a guard",
            )
    return Register(tuple(decisions), versions)


def _heads(snapshot: Snapshot, right: dict[bytes, dict[str, Any]], findings: Findings) -> None:
    left = dict(right)
    for row in snapshot.rows(_HEADS):
        findings.counts["documents"] += 1
        where = f"document_head {row[0].hex()}"
        expected = left.pop(row[0], None)
        if expected is None:
            if row[0] not in right:
                findings.add(Damage.DOCUMENT, where, "row", "a row", "none that its decisions give", HEAD)
            continue
        stored = (row[0].hex(), *row[1:6], row[6].hex(), *row[7:])
        for (name, value), found in zip(expected.items(), stored, strict=True):
            if found != value:
                findings.add(Damage.DOCUMENT, where, name, found, value, HEAD)
    for id_ in sorted(left):
        findings.add(
            Damage.DOCUMENT, f"document_head {id_.hex()}", "row", "no row", "the head of its decisions", HEAD
        )


def _note(findings: Findings, decision: Decision, field: str, stored: object, expected: object) -> None:
    where = f"document_decision {decision.number}, {decision.action} on {decision.document}"
    findings.add(Damage.DOCUMENT, where, field, stored, expected, RESTORE)
