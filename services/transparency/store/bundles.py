"""Bundles of what people need, from the database: each verifies before it is given out, or there is none.

With ``withheld`` no statement is in it, only its entry, and the platform's signed answer says what is claimed: for whoever may read
the claim and not all that the statements say. Reads in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from schemas import railnet
from schemas.envelope import Envelope
from schemas.events.base import ObjectKind
from schemas.events.decode import decode_admitted
from schemas.events.finance_decision import DecidedByTwo
from schemas.events.keys import canonical_key, canonical_place
from services.domain.facts import Micros
from services.domain.objects import Thing
from services.domain.view import HandoverView
from services.ledger.admission.raw_bytes import unframe
from services.ledger.platform_signature import Signer
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Stored
from services.ledger.storage.session import Session
from services.query.views import SourcedView, consignments_of, read_view
from services.transparency import statement
from services.transparency.domain import answer
from services.transparency.domain.bundle import RECORDS, Bundle, Part
from services.transparency.domain.claims import (
    DECIDED,
    HANDED_OVER,
    PLEDGE,
    RELEASES,
    Claim,
    ClaimKind,
    NotShown,
    pledge_plain,
)
from services.transparency.domain.entry import Kind
from services.transparency.domain.policy import Policy
from services.transparency.store.receipts import NoReceipt, Prover

FOREVER: Final = 2**62
_FIELDS = {
    ClaimKind.HANDED_OVER: HANDED_OVER,
    ClaimKind.DECIDED: DECIDED,
    ClaimKind.PLEDGE_STANDS: PLEDGE,
}


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who makes bundles: the platform as signer of answers, the registry, and the policy as text under which they verify."""

    signer: Signer
    registry: Registry
    policy: str
    withheld: bool = False

    def bundle(
        self,
        prover: Prover,
        claim: Claim,
        parts: Iterable[Part],
        parties: Iterable[str],
        records: Sequence[bytes] = (),
        signed_answer: str | None = None,
    ) -> Bundle:
        """The bundle of ``parts`` with the registry entries of ``parties``, once it verifies; NoReceipt where it shows no such claim."""
        known = [code for code in {*parties, *self._platform()} if self.registry.party(code) is not None]
        unique = {each.index: each for each in (*prover.registered(known), *parts)}
        ordered = tuple(unique[index] for index in sorted(unique))
        trust = Policy.parse(self.policy.encode())
        checkpoint = trust.lines_of(prover.checkpoint)
        found = Bundle(claim, "", ordered, tuple(records), signed_answer, checkpoint, self.policy)
        try:
            whole = found.stated(trust)
            return self._withholding(prover, whole).stated(trust) if self.withheld else whole
        except NotShown as missing:
            raise NoReceipt(f"what is stored does not show it: {missing}") from None

    def answer(self, prover: Prover, kind: ClaimKind, over: Sequence[int], about: dict[str, Any]) -> str:
        """The platform's signed answer about the cosigned checkpoint, all fields of ``about`` such that they can be withheld."""
        tree = prover.tree
        fixed = {
            "claim": str(kind),
            "log": tree.origin,
            "entries": tree.size,
            "root": tree.root.hex(),
            "over": list(over),
        }
        return answer.issue(self.signer.key, fixed, about, self.signer.secret("receipt-answer"))

    def _withholding(self, prover: Prover, whole: Bundle) -> Bundle:
        """No statement in it; where none answers for it yet, the platform does."""
        statements = [each for each in whole.parts if each.entry.kind in (Kind.EVENT, Kind.DECISION)]
        kind, about = whole.claim
        if kind is ClaimKind.RELEASE_ALLOWED:
            kind = ClaimKind.DECIDED
        signed_answer = whole.answer
        if kind is ClaimKind.DECIDED:
            statements = [each for each in statements if each.index == about["decision"]]
        if signed_answer is None and kind in _FIELDS:
            fields = {name: about[name] for name in _FIELDS[kind]}
            signed_answer = self.answer(prover, kind, [each.index for each in statements], fields)
        registered = [each for each in whole.parts if each.entry.kind is Kind.REGISTER]
        parts = sorted(
            (*registered, *(replace(each, document=None) for each in statements)), key=lambda p: p.index
        )
        return replace(whole, parts=tuple(parts), answer=signed_answer)

    def _platform(self) -> tuple[str, ...]:
        own = self.registry.owner(self.signer.source)
        return () if own is None else (own.code,)


def handovers_of_box(
    session: Session, registry: Registry, box: str, place: str, now: Micros
) -> list[tuple[SourcedView, HandoverView]]:
    """The hand-overs that both railways signed for a box, at a place or ("") anywhere, by time, each with a consignment that it is of."""
    key = canonical_key(ObjectKind.CONTAINER, box)
    found = []
    for consignment in consignments_of(session, [Thing(ObjectKind.CONTAINER, key)]):
        known = read_view(session, consignment, now, registry)
        if known is None:
            continue
        for each in known.view.handovers:
            if key in each.delivered & each.received and _is_at(each, place):
                found.append((known, each))
    return sorted(found, key=lambda pair: (pair[1].since, pair[1].events))


def _is_at(handover: HandoverView, place: str) -> bool:
    """Whether a hand-over is at a place, named by its code, its border, its station's id or name; "": any."""
    station = railnet.resolve(handover.place)
    names = {handover.place, handover.border}
    names |= set() if station is None else {station.id, *filter(None, station.names)}
    return (
        not place
        or canonical_place(place) in names
        or place.casefold() in {each.casefold() for each in names if each}
    )


def handover_bundle(
    session: Session, issuer: Issuer, box: str, found: Sequence[tuple[SourcedView, HandoverView]]
) -> Bundle:
    """That a box was handed over, by the last of ``handovers_of_box``; NoReceipt, NotYet, NoLog."""
    if not found:
        raise NoReceipt(f"no hand-over of {box} there was signed by both railways")
    if len({each.border for _, each in found}) > 1:
        raise NoReceipt(
            f"{box} was handed over at {', '.join(sorted({e.place for _, e in found}))}: say where"
        )
    known, handover = found[-1]
    key = canonical_key(ObjectKind.CONTAINER, box)
    events = [known.sources[each] for each in handover.events]
    lists = [
        each
        for each in events
        if any(key in listed.containers and listed.side != "ADVANCE" for listed in each.facts.handovers)
    ]
    prover = Prover(session, issuer.signer.network)
    parts = [prover.event(each.stored) for each in lists]
    claim = Claim(ClaimKind.HANDED_OVER, {"box": key})
    return issuer.bundle(prover, claim, parts, (each.party.code for each in lists))


class StoredDecision(NamedTuple):
    """A decision as stored, who asked, whose interest it is about, and the id of the signed request."""

    number: int
    at: Micros
    headers: bytes
    payload: bytes
    financing: str
    request: UUID | None
    asked_by: str
    applicant: str | None


def decision_of(session: Session, number: int) -> StoredDecision | None:
    """The decision of that number."""
    row = session.execute(statement("decision"), {"number": number}).fetchone()
    return None if row is None else StoredDecision(*row)


def decision_bundle(session: Session, issuer: Issuer, found: StoredDecision | None) -> Bundle:
    """That a request was decided so, with the signed request and the decisions on the same financing before; NoReceipt, NotYet, NoLog."""
    if found is None:
        raise NoReceipt("there is no decision of that number")
    prover = Prover(session, issuer.signer.network)
    decided = prover.decision(*found[:4])
    parts, parties = [decided], []
    if found.request is not None and not issuer.withheld:
        requests = event_reader.events_by_id(session, [found.request.bytes])
        parts += map(prover.event, requests)
        parties += _publishers(issuer.registry, requests)
    if found.financing and not issuer.withheld:
        until = {"financing": found.financing, "until": found.number - 1}
        parts += (
            prover.decision(*each) for each in session.execute(statement("decisions_on"), until).fetchall()
        )
    payload = _decision(found.headers, found.payload)
    released = payload.action in RELEASES and payload.outcome == "DONE"
    kind = ClaimKind.RELEASE_ALLOWED if released else ClaimKind.DECIDED
    return issuer.bundle(prover, Claim(kind, {"decision": decided.index}), parts, parties)


def pledge_bundle(session: Session, issuer: Issuer, financing: str) -> Bundle:
    """That a financing ("bank/reference") is pledged as of the cosigned checkpoint; NoReceipt where it is not, NotYet, NoLog."""
    rows = session.execute(statement("decisions_on"), {"financing": financing, "until": FOREVER}).fetchall()
    about = pledge_plain(financing, [_decision(headers, payload) for *_, headers, payload in rows])
    if about is None:
        raise NoReceipt(f"no pledge of {financing} stands")
    prover = Prover(session, issuer.signer.network)
    parts = [prover.decision(*each) for each in rows]
    signed_answer = issuer.answer(prover, ClaimKind.PLEDGE_STANDS, [each.index for each in parts], about)
    return issuer.bundle(prover, Claim(ClaimKind.PLEDGE_STANDS, {}), parts, (), signed_answer=signed_answer)


def credit_bundle(session: Session, issuer: Issuer, number: int, signal: str | None) -> Bundle:
    """That a record of credit signals was given, with the events that it names (of one signal, or all); NoReceipt, NotYet, NoLog."""
    row = session.execute(statement("credit_record"), {"no": number}).fetchone()
    if row is None:
        raise NoReceipt(f"there is no credit record {number}")
    no, change, body = row
    prover = Prover(session, issuer.signer.network)
    parts, parties = [prover.register(RECORDS, no, str(number), change)], []
    assessment = orjson.loads(body)["assessment"]
    named = [
        event
        for reason in assessment.get("reasons", ())
        if signal in (None, reason["signal"])
        for event in reason.get("events", ())
    ]
    stored = event_reader.events_by_id(session, sorted({bytes.fromhex(each["digest"]) for each in named}))
    parts += map(prover.event, stored)
    parties += _publishers(issuer.registry, stored)
    own = {each["id"] for each in named if each["source"] == issuer.signer.source}
    for id_ in sorted(own):
        decided = decision_of(session, int(id_.removeprefix("decision-")))
        if decided is not None:
            parts.append(prover.decision(*decided[:4]))
    claim = Claim(ClaimKind.CREDIT_SIGNAL, {"signal": signal})
    return issuer.bundle(prover, claim, parts, parties, [body.encode()])


def _decision(headers: bytes, payload: bytes) -> DecidedByTwo:
    read = decode_admitted(Envelope.from_headers(unframe(headers)).type, payload)
    assert isinstance(read, DecidedByTwo), "a stored decision is one of its newest version"
    return read


def _publishers(registry: Registry, events: Iterable[Stored]) -> list[str]:
    owners = (registry.owner(Envelope.from_headers(each.headers).source) for each in events)
    return [each.code for each in owners if each is not None]
