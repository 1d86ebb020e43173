"""The exchange of documents with other platforms: steps, envelopes, answers and files as signed, each in agreement with the others and with the decisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import orjson

from services.audit.fsck.registers import permitted
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.documents.domain.decisions import Decision
from services.documents.domain.transfer import Action
from services.documents.pint.domain.envelope import Refused, ResponseCode, Verified, finished, verified
from services.documents.pint.domain.register import Act, Contradicted, Control, Step, after
from services.documents.pint.domain.signed_content import BadContent, BadSignature, Directory
from services.documents.pint.store import Transfer, TransferState
from services.documents.store.registers import DECISION_LIST, decision_of

RESTORE = "Restore the rows of lianyun.pint_step, pint_transfer and pint_file from a backup; signatures and checksums tell the right bytes."
_READ = ("pint_step", "pint_transfer", "pint_file", "document_decision", "document_version", "audit_trail")
_ENTERED = "SELECT key, change FROM lianyun.audit_trail WHERE register = 'pint_platform' ORDER BY no"
_DOCUMENTS = """
SELECT encode(document, 'hex') AS content FROM lianyun.pint_step UNION SELECT encode(document, 'hex') FROM lianyun.pint_transfer
UNION SELECT content FROM lianyun.document_decision WHERE outcome = 'DONE' AND action IN ('TRANSFER_OUT', 'TRANSFER_IN') ORDER BY content
"""
_STEPS = "SELECT number, platform, signed FROM lianyun.pint_step WHERE document = decode(%s, 'hex') ORDER BY number"
_TRANSFERS = """
SELECT entry, document, outward, platform, register, state, envelope, response FROM lianyun.pint_transfer
WHERE document = decode(%s, 'hex') ORDER BY at, entry
"""
_OWN = "SELECT document::text FROM lianyun.document_version WHERE content = %s"
_DECISIONS = f"""
SELECT {DECISION_LIST} FROM lianyun.document_decision d
WHERE d.document = %s::text::uuid AND d.content = %s AND d.outcome = 'DONE' AND d.action IN ('TRANSFER_OUT', 'TRANSFER_IN') ORDER BY d.number
"""  # noqa: S608 - columns
_FILES = "SELECT encode(checksum, 'hex'), octet_length(content) FROM lianyun.pint_file WHERE checksum = ANY(%s::bytea[])"
_OTHER_FILES = "SELECT encode(checksum, 'hex'), encode(sha256(content), 'hex') FROM lianyun.pint_file WHERE checksum <> sha256(content)"
_CODES = {
    TransferState.ACCEPTED: (ResponseCode.RECE, ResponseCode.DUPE),
    TransferState.REFUSED: (ResponseCode.BSIG, ResponseCode.BENV),
}
Acts = Mapping[str, set[tuple[Act, str]]]
"""Of each entry, what was done about it and by whom, by the register."""


class _Proven(NamedTuple):
    """A stored transfer whose envelope verifies; ``own`` is this platform's code by it, ``here`` whether its register guards the document."""

    row: Transfer
    envelope: Verified
    own: str
    here: bool

    @property
    def recipients(self) -> set[str]:
        """The codes that its recipient is named by."""
        to = self.envelope.transaction.recipient
        return set() if to is None else {each.party_code for each in to.identifying_codes}


def check_exchange(snapshot: Snapshot, findings: Findings) -> None:
    """Check everything, document by document; ``exchange_not_permitted`` counts a role that may not read it.

    Signatures count by every key that the directory has or had, by the audit trail.
    """
    if not permitted(snapshot, *_READ):
        findings.counts["exchange_not_permitted"] += 1
        return
    keys: dict[str, list[Mapping[str, object]]] = defaultdict(list)
    registers: dict[str, str] = {}
    for code, change in snapshot.rows(_ENTERED):
        entered = orjson.loads(change) or {}
        keys[code] += entered.get("keys", ())
        registers[str(entered.get("register"))] = code
    check = _Check(snapshot, Directory(keys), registers, findings)
    for (content,) in snapshot.stream(_DOCUMENTS):
        check.document(content)
    for checksum, found in snapshot.rows(_OTHER_FILES):
        check.note(f"pint_file {checksum}", "content", found, checksum)


class _Check:
    def __init__(
        self, snapshot: Snapshot, directory: Directory, registers: Mapping[str, str], findings: Findings
    ) -> None:
        self._snapshot, self._directory, self._findings = snapshot, directory, findings
        self._registers = registers

    def note(self, where: str, field: str, stored: object, expected: object) -> None:
        self._findings.add(Damage.DOCUMENT, where, field, stored, expected, RESTORE)

    def document(self, content: str) -> None:
        """Everything about one document, by its checksum."""
        self._findings.counts["documents_exchanged"] += 1
        home, acts = self._steps(content)
        transfers = [
            proven
            for row in self._snapshot.rows(_TRANSFERS, (content,))
            if (proven := self._transfer(row)) is not None
        ]
        for each in transfers:
            if each.here:
                self._registered(each, acts.get(each.row.entry, set()))
        known = {each.row.entry for each in transfers}
        for entry in sorted(acts.keys() - known):
            if any(by == home for _, by in acts[entry]):
                self.note(f"pint_transfer {entry}", "row", "no row", "a transfer: the register has its steps")
        self._in_turn([each for each in transfers if each.row.state is TransferState.ACCEPTED])
        for (id_,) in self._snapshot.rows(_OWN, (content,)):
            rows = self._snapshot.rows(_DECISIONS, (id_, content))
            self._decided([decision_of(row) for row in rows], transfers)

    def _steps(self, content: str) -> tuple[str, Acts]:
        """The platform of the register, and its acts; up to the first step that does not follow."""
        control: Control | None = None
        acts: dict[str, set[tuple[Act, str]]] = defaultdict(set)
        for number, platform, text in self._snapshot.rows(_STEPS, (content,)):
            self._findings.counts["document_steps"] += 1
            where = f"pint_step {number} of {content}"
            try:
                opened = self._directory.opened(text)
                step = Step.of(opened.payload)
                control = after(control, step, opened.signer)
            except (BadSignature, BadContent, Contradicted) as fault:
                self.note(where, "signed", fault, "the next step, signed by its platform")
                break
            for field, stored, expected in (
                ("number", number, step.number),
                ("platform", platform, opened.signer),
                ("document", content, step.transport_document_checksum),
                ("register", self._registers.get(step.register_uri), control.home),
            ):
                if stored != expected:
                    self.note(where, field, stored, expected)
            if step.entry is not None:
                acts[step.entry].add((step.act, opened.signer))
        return "" if control is None else control.home, acts

    def _transfer(self, row: Sequence[object]) -> _Proven | None:
        self._findings.counts["document_exchanges"] += 1
        where = f"pint_transfer {bytes(row[0]).hex()}"  # type: ignore[call-overload]
        try:
            transfer = Transfer.of(row)
            envelope = verified(transfer.envelope, self._directory)
        except (Refused, ValueError) as fault:
            self.note(where, "envelope", fault, "signatures and chain in order")
            return None
        recipient = envelope.transaction.recipient
        pair = envelope.sender, "" if recipient is None else recipient.ebl_platform
        own, other = pair if transfer.outward else pair[::-1]
        for field, stored, expected in (
            ("entry", transfer.entry, envelope.entry),
            ("document", transfer.document, envelope.document),
            ("register", transfer.register, envelope.register),
            ("platform", transfer.platform, other),
        ):
            if stored != expected:
                self.note(where, field, stored, expected)
        try:
            self._answered(transfer, other if transfer.outward else own)
        except (BadSignature, BadContent) as fault:
            self.note(where, "response", fault, f"the signed answer of what is {transfer.state}")
        if transfer.outward or transfer.state is not TransferState.PENDING:
            wanted = {name: each.size for name, each in envelope.manifest.files.items()}
            found: dict[str, int] = dict(
                self._snapshot.rows(_FILES, ([bytes.fromhex(name) for name in wanted],))
            )
            for name in sorted(wanted):
                if found.get(name) != wanted[name]:
                    self.note(f"pint_file {name}", "size", found.get(name, "no row"), wanted[name])
        return _Proven(transfer, envelope, own, self._registers.get(transfer.register) == own)

    def _answered(self, transfer: Transfer, receiver: str) -> None:
        """BadSignature or BadContent where the stored answer is not the receiver's of that state."""
        text, state = transfer.response, transfer.state
        if state is TransferState.PENDING or (state is TransferState.REFUSED and text == ""):
            if text:
                raise BadContent("an answer to what is PENDING")
            return
        opened = self._directory.opened(text or "")
        if transfer.outward and "act" in opened.payload:
            step = Step.of(opened.payload)
            found = opened.signer, step.act, step.entry, step.transport_document_checksum, state
            right = receiver, Act.ACCEPT, transfer.entry, transfer.document, TransferState.ACCEPTED
            if found != right:
                raise BadContent("a step that accepts another transfer")
            return
        code = finished(text or "", transfer.envelope, receiver, self._directory).response_code
        if code not in _CODES[state]:
            raise BadContent(f"the answer {code}")

    def _registered(self, each: _Proven, found: set[tuple[Act, str]]) -> None:
        """The state of a transfer is what this platform's register has of it."""
        row, own, other = each.row, each.own, each.row.platform
        sender, receiver = (own, other) if row.outward else (other, own)
        wanted, may = {(Act.OFFER, sender)}, set[tuple[Act, str]]()
        if row.state is TransferState.ACCEPTED:
            wanted.add((Act.ACCEPT, receiver))
        elif row.state is TransferState.REFUSED:
            wanted.add((Act.WITHDRAW, sender))
        elif row.outward:
            may.add((Act.ACCEPT, receiver))  # the answer is not known yet
        if not row.outward:
            may.add((Act.WITHDRAW, sender))
        if not wanted <= found <= wanted | may:
            self.note(f"pint_transfer {row.entry}", "state", row.state, _text(found))

    def _in_turn(self, accepted: Sequence[_Proven]) -> None:
        """A document goes and comes in turn, and each chain holds the transfers before: one platform controls it."""
        for first in accepted[:1]:
            if first.row.outward is not first.here:
                self.note(f"pint_transfer {first.row.entry}", "outward", first.row.outward, first.here)
        for before, each in pairwise(accepted):
            if each.row.outward is before.row.outward or before.row.entry not in each.envelope.chain:
                where = f"pint_transfer {each.row.entry}"
                self.note(where, "chain", "not next", f"the way back after {before.row.entry}")

    def _decided(self, decisions: Sequence[Decision], transfers: Sequence[_Proven]) -> None:
        """Each transfer of an own document is of a TRANSFER_OUT, and each TRANSFER_IN of a transfer that came or was refused, or of a recall."""
        outward = {each.row.entry: each for each in transfers if each.row.outward}
        inward = {
            each.row.entry: each
            for each in transfers
            if not each.row.outward and each.row.state is TransferState.ACCEPTED
        }
        out: Decision | None = None
        for each in decisions:
            if each.action == Action.TRANSFER_OUT or out is None:
                out = each
                continue
            entry = each.request.removeprefix("pint-")
            if entry in inward:
                came = inward.pop(entry)
                right = each.paper == came.row.platform and each.to in came.recipients
                self._sent(out, self._next(outward))
            elif entry in outward and outward[entry].row.state is TransferState.REFUSED:
                right = (each.to, each.paper) == (out.by, out.paper)
                self._sent(out, outward.pop(entry))
            else:
                left = out.transfer
                recalled = left is not None and each.request == f"recall-{left.digest}"
                right = recalled and (each.to, each.paper) == (out.by, out.paper)
            if not right:
                where = f"document_decision {each.number}, {each.action} on {each.document}"
                self.note(where, "request", each.request, "a transfer that came or was refused, or a recall")
            out = None
        if out is not None and (last := self._next(outward)) is not None:
            self._sent(out, last)
        for action, left_over in ((Action.TRANSFER_OUT, outward), (Action.TRANSFER_IN, inward)):
            for entry in left_over:
                self.note(f"pint_transfer {entry}", "decision", "none", action)

    @staticmethod
    def _next(outward: dict[str, _Proven]) -> _Proven | None:
        """Take the earliest outward transfer that was not refused."""
        found = next((e for e, p in outward.items() if p.row.state is not TransferState.REFUSED), None)
        return None if found is None else outward.pop(found)

    def _sent(self, out: Decision, sent: _Proven | None) -> None:
        platform, _, recipient = out.paper.partition("/")
        if sent is None or sent.row.platform != platform or recipient not in sent.recipients:
            where = f"document_decision {out.number}, {out.action} on {out.document}"
            found = "no transfer" if sent is None else f"{sent.row.platform}/{_text(sent.recipients)}"
            self.note(where, "paper", found, out.paper)


def _text(values: set[tuple[Act, str]] | set[str]) -> str:
    return (
        ", ".join(sorted(each if isinstance(each, str) else " by ".join(each) for each in values))
        or "nothing"
    )
