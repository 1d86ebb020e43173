"""Recording of decisions: the signed event over the bytes as stored, what it touches, and the entries taken or freed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import Connection

from schemas.events.finance_decision import DecidedByTwo, DecidedOnGoods, DecidedReviewed, DecidedWhole
from services.domain.objects import Thing
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.documents import Share
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.products import products
from services.financing.domain.requests import DecisionContext
from services.financing.store import statement
from services.financing.store.financings import decision_columns, entry_columns, freed_columns
from services.financing.store.identifiers import financing_id
from services.ledger.platform_signature import SignedEvent, Signer, rfc3339, signed_event
from services.ledger.storage import points
from services.ledger.storage.arrays import bigints, booleans, byteas, texts, uuids

MOST_CARGO = 256
"""Consignments that a decision names at most."""


@dataclass(frozen=True, slots=True)
class ReservedEntries:
    """The fingerprints that a reservation takes, on which consignments, and those that a partial release frees."""

    prints: Sequence[Fingerprint] = ()
    things: Sequence[Thing] = ()
    freed: Sequence[Fingerprint] = ()

    @property
    def digest(self) -> bytes:
        """SHA-256 of the fingerprints, whatever order they came in."""
        return taken_digest(self.prints)


def signed_decision(
    signer: Signer, decision: Decision, state: bytes, taken: ReservedEntries, about: Sequence[Thing] = ()
) -> SignedEvent:
    """The event of ``decision`` that rests on the state with SHA-256 ``state``; the same decision gives the same bytes.

    ``about`` are the consignments that it names.
    """
    name, data = f"decision-{decision.number}", _payload(decision, state, taken, about)
    return signed_event(signer, version_of(decision), name, decision.at, data)


def version_of(decision: Decision) -> type[DecidedWhole]:
    """The version of the event that states ``decision``: the newest one only where earlier ones cannot."""
    if decision.signatories:
        return DecidedByTwo
    if decision.goods or decision.resembles or decision.reviewers or decision.action is Action.RELEASE_PART:
        return DecidedReviewed
    return DecidedOnGoods if decision.shares or decision.waiver else DecidedWhole


def stated(decision: Decision) -> dict[str, Any]:
    """The fields of the event that come from ``decision`` itself; None for what it leaves out."""
    amount, terms = decision.amount, decision.terms
    prepared_by, approved_by = decision.signatories or (None, None)
    return {
        "happened": rfc3339(decision.at),
        "action": str(decision.action),
        "outcome": str(decision.outcome),
        "number": decision.number,
        "position": decision.position,
        "before": decision.before,
        "asked_by": decision.asked_by,
        "idempotency_key": decision.idempotency[:128] or None,
        "financing": decision.financing or None,
        "amount": None
        if amount is None or amount.minor < 0
        else {"minor_units": amount.minor, "currency_code": amount.currency},
        "until": None if decision.until is None else rfc3339(decision.until),
        "frees": list(decision.frees),
        "notices": list(decision.notices),
        "guard": decision.guard or None,
        "satisfied_by": decision.satisfied_by[:200] or None,
        "rules": decision.rules,
        "asked_digest": decision.asked.hex(),
        "request_event": None if decision.request is None else decision.request.hex(),
        "application": None if terms is None else terms.application,
        "applicant": None if terms is None else terms.applicant,
        "product": None if terms is None else terms.product,
        "interest": None if terms is None else terms.interest,
        "shares": [{"kind": t.kind.wire, "id": t.key} for t in decision.shares] or None,
        "waiver": {"grounds": decision.waiver} if decision.waiver else None,
        "goods": [{"kind": t.kind.wire, "id": t.key} for t in decision.goods] or None,
        "resembles": [
            {**each._asdict(), "kind": str(each.kind), "features": list(map(str, each.features))}
            for each in decision.resembles
        ]
        or None,
        "reviewed": decision.reviewed,
        "reviewers": list(decision.reviewers) or None,
        "prepared_by": None if prepared_by is None else prepared_by.plain,
        "approved_by": None if approved_by is None else approved_by.plain,
    }


def _payload(
    decision: Decision, state: bytes, taken: ReservedEntries, about: Sequence[Thing]
) -> dict[str, Any]:
    data = {name: value for name, value in stated(decision).items() if value is not None}
    if about:
        data["cargo"] = sorted(thing.key for thing in about)[:MOST_CARGO]
    if taken.prints or taken.things:
        data["takes_sha256"] = taken.digest.hex()
    if taken.freed:
        data["freed_sha256"] = taken_digest(taken.freed).hex()
    return {**data, "state_sha256": state.hex()}


def taken_digest(prints: Iterable[Fingerprint]) -> bytes:
    """SHA-256 of fingerprints with their shares, whatever order they came in."""
    lines = sorted(
        f"{p.version} {p.kind} {p.digest.hex()} {_share(p.share)} {sorted(p.near)}{_of(p.thing)}"
        for p in prints
    )
    return hashlib.sha256("\n".join(lines).encode()).digest()


def _of(thing: bytes | None) -> str:
    return "" if thing is None else f" {thing.hex()}"


def _share(share: Share | None) -> str:
    return "whole" if share is None else f"{share.part} of {share.whole} {share.measure}"


def state_digest(context: DecisionContext) -> bytes:
    """SHA-256 of what a decision rests on (decisions, statements, cargo, entries, answers), independent of order."""
    rests_on = [
        *sorted(f"decision {decision.number}" for decision in context.decisions),
        *sorted(f"word {statement.event.hex()}" for statement in context.statements),
        *sorted({f"cargo {c.consignment} {a.claim.event.hex()}" for c in context.cargo for a in c.counted}),
        *sorted({f"original {o.document} {o.last}" for c in context.cargo for o in c.originals}),
        *sorted(f"entry {e.fingerprint.digest.hex()} {e.holder.financing}" for e in context.entries),
        *sorted(f"annotated {each.digest.hex()} {each.share}" for each in context.annotated),
        *sorted(f"near {n.financing} {thing}" for n in context.near for thing in n.consignments),
        *sorted({f"link {link.event.hex()}" for link in context.known.facts.links if not link.left.rides}),
        *sorted(f"registry {answer.registry} {answer.finding} {answer.at}" for answer in context.external),
    ]
    return hashlib.sha256("\n".join(rests_on).encode()).digest()


Session = Connection[Any]

ENDING = frozenset({Action.RELEASE, Action.CANCEL})


class SignedDecision(NamedTuple):
    """A signed decision to be recorded, with the entries that it takes."""

    decision: Decision
    signed: SignedEvent
    taken: ReservedEntries


def signed(
    decision: Decision,
    signer: Signer,
    state: bytes,
    prints: Sequence[Fingerprint],
    things: Sequence[Thing],
    freed: Sequence[Fingerprint] = (),
) -> SignedDecision:
    """``decision`` signed, resting on the state with SHA-256 ``state``.

    ``prints`` are what a reservation takes, ``things`` its consignments, or those that a request about cargo is about; both are
    ignored for decisions that take and name nothing. ``freed`` are what a partial release frees.
    """
    takes = decision.done and decision.action is Action.RESERVE
    taken = ReservedEntries(prints, things) if takes else ReservedEntries(freed=freed)
    about = things if decision.action.disposes or decision.shares else taken.things
    return SignedDecision(decision, signed_decision(signer, decision, state, taken, about), taken)


def record(session: Session, decided: Sequence[SignedDecision]) -> None:
    """Record decisions that have nothing in common, and their effects, in the caller's transaction.

    In a pipeline nothing is waited for.
    """
    points.reach("decided")
    done = [each for each in decided if each.decision.done]
    first = all(each.decision.before is None for each in done)
    if not first:
        # In one order: two who free the same cannot wait for one another.
        changed = sorted({id_ for each in done for id_ in (*_own(each.decision), *_freed(each.decision))})
        session.execute(statement("lock_holds"), {"financings": uuids(changed)})
    session.execute(statement("record_decisions"), _decisions(decided))
    if not first:
        session.execute(statement("record_changes"), {**_taken(done), **_given_up(done)})
    elif done:
        session.execute(statement("record_first"), _taken(done))
    pledging = [each.decision for each in done if each.decision.action.pledges]
    if pledging:
        pledged = sorted(financing_id(decision.financing) for decision in pledging)
        at = min(decision.at for decision in pledging)
        session.execute(statement("put_named"), {"financings": uuids(pledged), "at": at})
    points.reach("before_commit")


def _decisions(decided: Sequence[SignedDecision]) -> dict[str, Any]:
    decisions = [each.decision for each in decided]
    touched = [(id_, r.number) for r in decisions for id_ in _ids(r, lambda r: (r.financing, *r.frees))]
    return {
        **decision_columns(decisions),
        "headers": byteas([each.signed.headers for each in decided]),
        "payloads": byteas([each.signed.payload for each in decided]),
        "touched": uuids([id_ for id_, _ in touched]),
        "touched_by": bigints([number for _, number in touched]),
    }


def _taken(done: Sequence[SignedDecision]) -> dict[str, Any]:
    holding = [each.decision for each in done if each.decision.financing]
    cargo = [(decision.financing, thing) for decision, _, taken in done for thing in taken.things]
    return {
        "holders": uuids([financing_id(decision.financing) for decision in holding]),
        "holder_names": texts([decision.financing for decision in holding]),
        "blocks": booleans([_blocks(decision) for decision in holding]),
        "pledged": booleans([decision.action.pledges for decision in holding]),
        "ended": booleans([decision.action in ENDING for decision in holding]),
        **entry_columns((decision.financing, taken.prints) for decision, _, taken in done),
        "cargo": uuids([thing.id for _, thing in cargo]),
        "cargo_keys": texts([thing.key for _, thing in cargo]),
        "cargo_of": uuids([financing_id(name) for name, _ in cargo]),
    }


def _given_up(done: Sequence[SignedDecision]) -> dict[str, Any]:
    decisions = [each.decision for each in done]
    freeing = [(id_, decision.number) for decision in decisions for id_ in _freed(decision)]
    return {
        "freed_holds": uuids(sorted(id_ for r in decisions for id_ in _ids(r, lambda r: r.frees))),
        "freed": uuids([id_ for id_, _ in freeing]),
        "freed_by": bigints([number for _, number in freeing]),
        **freed_columns((each.decision.financing, each.decision.number, each.taken.freed) for each in done),
    }


def _blocks(decision: Decision) -> bool:
    return decision.terms is not None and products()[decision.terms.product].blocks_release


def _own(decision: Decision) -> list[bytes]:
    return _ids(decision, lambda decision: (decision.financing,))


def _freed(decision: Decision) -> list[bytes]:
    """Whose entries a decision that is done frees: of financings taken over or expired, and its own when it gives them up."""
    gives_up = decision.action in {*ENDING, Action.RESERVE}
    return _ids(decision, lambda decision: (*decision.frees, decision.financing if gives_up else ""))


def _ids(decision: Decision, names: Callable[[Decision], Iterable[str]]) -> list[bytes]:
    return sorted({financing_id(name) for name in names(decision) if name})
