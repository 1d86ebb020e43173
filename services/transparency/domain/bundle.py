"""Bundles: a claim as one file, with all that proves it offline: documents of the log, their proofs against one checkpoint, and keys.

A document may be withheld: then its entry alone is there, which proves kind, place, key and time of what it is over, and nothing
of its text. Fields of the platform's answer are withheld by leaving out their disclosures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError

from schemas.envelope import content_digest, event_id, read_signed_bytes
from schemas.events.base import Role
from schemas.events.decode import decode_admitted
from schemas.merkle import leaf_hash
from schemas.reasons import Refusal
from schemas.signature_header import parse_header
from schemas.signing import verify
from services.ledger.registry.events import parse as parse_registry_event
from services.ledger.registry.fold import fold
from services.ledger.registry.party import KeyState, key_state
from services.ledger.registry.registry import Registry, RegistryError
from services.transparency.domain import answer as answers
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.claims import (
    Claim,
    ClaimKind,
    Contents,
    GivenRecord,
    NotShown,
    Signed,
    derive,
    words,
)
from services.transparency.domain.encoding import Malformed, binary, digest, spelled
from services.transparency.domain.entry import Document, Entry, Kind
from services.transparency.domain.note import BadSignature, Note
from services.transparency.domain.policy import Policy, Trusted
from services.transparency.domain.proofs import included
from services.transparency.domain.receipt import DOCUMENT, document_json, document_of_json
from services.transparency.domain.tlog_proof import MOST_HASHES, NotIncluded

FORMAT: Final = "lianyun-bundle-v1"
_MEMBERS: Final = frozenset(
    {"format", "claim", "statement", "parts", "records", "answer", "checkpoint", "policy", "policy_sha256"}
)
_SIGNED: Final = frozenset({Kind.EVENT, Kind.DECISION, Kind.CASE_STEP})
REGISTRY, RECORDS = "registry_event", "credit_record"


@dataclass(frozen=True, slots=True)
class Part:
    """An entry of the log with its inclusion proof, and the document that it is over unless that is withheld."""

    entry: Entry
    index: int
    proof: tuple[bytes, ...]
    document: Document | None = None

    @classmethod
    def of(cls, document: Document, index: int, proof: Iterable[bytes]) -> Part:
        """The part with its document."""
        return cls(Entry.of(document), index, tuple(proof), document)

    def as_json(self) -> dict[str, Any]:
        """The object in the file."""
        shown = {"entry": spelled(self.entry.raw)} if self.document is None else document_json(self.document)
        return {**shown, "index": self.index, "proof": [spelled(each) for each in self.proof]}

    @classmethod
    def of_json(cls, found: object) -> Part:
        """The part of an object; Malformed where it is none."""
        if not isinstance(found, dict) or set(found) - {"index", "proof"} not in (DOCUMENT, {"entry"}):
            raise Malformed("a part of a bundle is a document or an entry, with index and proof")
        index, proof = found.get("index"), found.get("proof")
        if type(index) is not int or not isinstance(proof, list) or len(proof) > MOST_HASHES:
            raise Malformed(
                f"the index of a part is a whole number, its proof a list of at most {MOST_HASHES} hashes"
            )
        hashes = tuple(digest(str(each), "a hash of a proof") for each in proof)
        if "entry" in found:
            return cls(Entry.parse(binary(str(found["entry"]), "an entry")), index, hashes)
        return cls.of(document_of_json(found), index, hashes)


class Verified(NamedTuple):
    """What a verified bundle proves: the claim, its words, the checkpoint, and how many documents are withheld."""

    claim: Claim
    statement: str
    trusted: Trusted
    parts: int
    withheld: int
    same_policy: bool


@dataclass(frozen=True, slots=True)
class Bundle:
    """A claim and what proves it; proves nothing until ``verified``.

    ``records`` are bodies of credit records whose digest is entered in the audit trail. ``policy`` is the one under which the
    bundle was made: for whoever has none yet to look at, never trusted.
    """

    claim: Claim
    statement: str
    parts: tuple[Part, ...]
    records: tuple[bytes, ...]
    answer: str | None
    checkpoint: Note
    policy: str

    def as_json(self) -> dict[str, Any]:
        """The object of the file."""
        return {
            "format": FORMAT,
            "claim": {"kind": str(self.claim.kind), **self.claim.about},
            "statement": self.statement,
            "parts": [each.as_json() for each in self.parts],
            "records": [spelled(each) for each in self.records],
            "answer": self.answer,
            "checkpoint": str(self.checkpoint),
            "policy": self.policy,
            "policy_sha256": sha256(self.policy.encode()).hexdigest(),
        }

    @classmethod
    def of_json(cls, found: object) -> Bundle:
        """The bundle of an object; Malformed where it is none."""
        if not isinstance(found, dict) or found.get("format") != FORMAT or set(found) != _MEMBERS:
            raise Malformed(
                f"a bundle is an object of the format {FORMAT} with {', '.join(sorted(_MEMBERS))}"
            )
        claim, parts, records, answer = (found[name] for name in ("claim", "parts", "records", "answer"))
        texts = [found[name] for name in ("statement", "checkpoint", "policy", "policy_sha256")]
        if not all(isinstance(each, str) for each in (*texts, answer or "")):
            raise Malformed("statement, checkpoint, policy and answer of a bundle are texts")
        statement, checkpoint, policy, stated = texts
        if not isinstance(claim, dict) or not isinstance(parts, list) or not isinstance(records, list):
            raise Malformed("the claim of a bundle is an object, its parts and records are lists")
        try:
            kind = ClaimKind(str(claim.get("kind")))
        except ValueError:
            raise Malformed("a claim of a kind that is not known here") from None
        if sha256(policy.encode()).hexdigest() != stated:
            raise Malformed("the policy in the bundle is damaged")
        return cls(
            Claim(kind, {name: value for name, value in claim.items() if name != "kind"}),
            statement,
            tuple(map(Part.of_json, parts)),
            tuple(binary(str(each), "a record") for each in records),
            answer,
            Note.parse(checkpoint.encode()),
            policy,
        )

    def verified(self, policy: Policy) -> Verified:
        """What the bundle proves under a policy: each step has to hold, none can be left out.

        BadSignature, NotIncluded, Malformed; NotShown where all of it is genuine and the claim does not follow from it.
        """
        trusted, contents = self._contents(policy)
        # 5. The claim follows from these contents, and so do its words.
        claim = derive(self.claim.kind, self.claim.about, contents)
        if claim != self.claim:
            raise NotShown("the claim is not the one that the contents show")
        if words(claim) != self.statement:
            raise NotShown("the statement does not say what the contents show")
        hidden = len(contents.withheld)
        return Verified(claim, self.statement, trusted, len(self.parts), hidden, _same(self.policy, policy))

    def stated(self, policy: Policy) -> Bundle:
        """The bundle with the claim and the statement that its contents show; raises as ``verified`` where they show none."""
        _, contents = self._contents(policy)
        claim = derive(self.claim.kind, self.claim.about, contents)
        return replace(self, claim=claim, statement=words(claim))

    def _contents(self, policy: Policy) -> tuple[Trusted, Contents]:
        # 1. A log of the policy signed the checkpoint, and the quorum cosigned it.
        trusted = policy.trusted(self.checkpoint)
        # 2. Its tree holds each entry, once, at the stated place.
        _require_included(self.parts, trusted.checkpoint)
        # 3. Parties and keys as registered in the log; every statement is signed by a key that was its publisher's and valid then.
        documents = [(each.index, each.document) for each in self.parts if each.document is not None]
        registry = _registry(documents)
        signed = [_signed(index, each, registry) for index, each in documents if each.kind in _SIGNED]
        # 4. Records have the digests that were entered when they were given; the answer is the platform's.
        contents = Contents(
            trusted.checkpoint,
            signed,
            _records(documents, self.records),
            None if self.answer is None else _answer(self.answer, registry),
            {each.index: each.entry for each in self.parts if each.document is None},
            registry,
        )
        return trusted, contents

    def withholding(self, entries: Collection[int], fields: Collection[str], policy: Policy) -> Bundle:
        """The bundle without the documents of these entries and without these fields of the answer, its claim derived anew.

        Malformed where there is no such document or field; NotShown where what is left does not show the claim.
        """
        known = {each.index for each in self.parts if each.document is not None}
        if missing := sorted(set(entries) - known):
            raise Malformed(f"there is no document of entry {missing[0]} in the bundle")
        parts = tuple(replace(each, document=None) if each.index in entries else each for each in self.parts)
        answer = self.answer
        if fields:
            if answer is None:
                raise Malformed("there is no answer in the bundle whose fields could be withheld")
            answer = answers.withheld(answer, fields)
        return replace(self, parts=parts, answer=answer).stated(policy)


def _require_included(parts: Sequence[Part], tree: Checkpoint) -> None:
    if len({each.index for each in parts}) != len(parts):
        raise Malformed("an entry is in the bundle twice")
    for each in parts:
        if not included(leaf_hash(each.entry.raw), each.index, tree.size, each.proof, tree.root):
            raise NotIncluded(f"an entry is not at {each.index} of the log of {tree.size} entries")


def _registry(documents: Sequence[tuple[int, Document]]) -> Registry:
    """The parties and keys that the registry entries of a bundle make, in the order of their versions."""
    found = {}
    for _, document in documents:
        if document.kind is Kind.REGISTER:
            register, _, version, change = _entered(document)
            if register == REGISTRY:
                found[int(version)] = change
    try:
        events = [parse_registry_event(orjson.dumps(found[version]["body"])) for version in sorted(found)]
        return fold(events)
    except (RegistryError, ValidationError, KeyError, TypeError) as fault:
        raise Malformed(f"the registry entries of the bundle make no registry: {fault}") from None


def _entered(document: Document) -> tuple[str, int, str, dict[str, Any]]:
    """An entry of the audit trail: register, number, key of its row, and change; Malformed where it is none."""
    try:
        register, number, key, change = orjson.loads(document.text)
        if document.identity != f"{register}\n{key}".encode():
            raise Malformed("an entry of a register is about another row than it says")
        return str(register), int(number), str(key), dict(orjson.loads(change))
    except (ValueError, TypeError) as fault:
        raise Malformed(f"a document is no entry of a register: {fault}") from None


def _signed(index: int, document: Document, registry: Registry) -> Signed:
    """The statement of a document, once its signature is verified by the key that the registry knows for its publisher."""
    length = int.from_bytes(document.text[:4])
    raw, header = document.text[4 : 4 + length], document.text[4 + length :]
    try:
        _, envelope, payload = read_signed_bytes(raw)
        signature = parse_header(header)
        key, party = registry.key(signature.key_id), registry.owner(envelope.source)
        if key is None or party is None or key.party != party.code or document.key != signature.key_id:
            raise BadSignature(
                f"the key of {envelope.source} {envelope.id} is not in the bundle as one of its publisher"
            )
        if key_state(key, document.at) is not KeyState.VALID:
            raise BadSignature(
                f"the key {key.key_id} of {party.code} was not valid when its statement was accepted"
            )
        verify(signature, key.public, raw)
        read = decode_admitted(envelope.type, payload)
        identity = event_id(envelope.source, envelope.id)
        if document.identity != identity:
            raise Malformed("a document is about another event than it holds")
        shape = party.at(document.at)
        if shape.roles.isdisjoint(read.spec.publishers):
            raise BadSignature(f"{party.code} has no role in which it may say {envelope.type}")
    except Refusal as refusal:
        raise BadSignature(
            f"entry {index} is no statement that can be verified: {refusal.detail}"
        ) from refusal
    except (ValueError, KeyError, TypeError) as fault:
        if isinstance(fault, BadSignature | Malformed):
            raise
        raise Malformed(f"entry {index} holds no signed statement: {fault}") from None
    return Signed(
        index, document.kind, identity, envelope.source, envelope.id, envelope.published_micros,
        document.at, content_digest(raw), read, shape,
    )  # fmt: skip


def _records(documents: Sequence[tuple[int, Document]], bodies: Sequence[bytes]) -> list[GivenRecord]:
    by_digest = {sha256(body).hexdigest(): body for body in bodies}
    found = []
    for index, document in documents:
        if document.kind is not Kind.REGISTER:
            continue
        register, _, key, change = _entered(document)
        if register != RECORDS:
            continue
        body = by_digest.pop(str(change.get("body")), None)
        if body is None:
            raise NotShown(f"the record of entry {index} is not in the bundle")
        try:
            found.append(GivenRecord(index, key, change, orjson.loads(body)))
        except orjson.JSONDecodeError:
            raise Malformed("a record is not JSON") from None
    if by_digest:
        raise NotShown("there is a record in the bundle that no entry is over")
    return found


def _answer(answer: str, registry: Registry) -> dict[str, Any]:
    key = registry.key(answers.key_of(answer))
    party = None if key is None else registry.party(key.party)
    if key is None or party is None or Role.PLATFORM not in party.roles:
        raise BadSignature("the answer is signed by no key that is registered for the platform")
    return answers.read(answer, key.public)


def _same(text: str, policy: Policy) -> bool:
    try:
        other = Policy.parse(text.encode())
    except Malformed:
        return False
    return (other.logs, other.witnesses, other.groups, other.quorum) == (
        policy.logs, policy.witnesses, policy.groups, policy.quorum,
    )  # fmt: skip
