"""The tables of financing: decisions, cargo, entries under fingerprints, alert acknowledgements and registry answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas.events.base import ObjectKind
from services.domain.facts import Micros
from services.domain.objects import Thing, consignment
from services.financing.domain.decisions import Action, Decision, DecisionOutcome, Terms
from services.financing.domain.documents import Share
from services.financing.domain.external_registries import RegistryAnswer
from services.financing.domain.fingerprints import Fingerprint, Kind
from services.financing.domain.money import Money
from services.financing.domain.resemblance import Resemblance
from services.financing.store import statement
from services.financing.store.identifiers import financing_id
from services.ledger.audit_trail.entries import enter
from services.ledger.storage.arrays import Texts, bigints, literal, smallints, texts, uuids
from services.people.domain.person import Signatory

KINDS = {
    Kind.TRANSPORT_DOCUMENT: 1,
    Kind.DECLARATION: 2,
    Kind.CARGO: 3,
    Kind.INVOICE: 4,
    Kind.NOTE: 5,
    Kind.CONSIGNMENT: 6,
    Kind.NEAR_CARGO: 7,
    Kind.NEAR_TRADE: 8,
}
"""Numbers of the kinds of fingerprint, as stored; never reused."""
_BY_NUMBER = {number: kind for kind, number in KINDS.items()}
DECISION_COLUMNS = 30
DECISION_LIST = """d.number, d.action, d.outcome, d.at, d.asked_by, d.idempotency, d.asked, d.position, d.rules, d.financing,
       d.request, d.application, d.applicant, d.product, d.interest, d.amount, d.currency, d.until, d.frees, d.notices,
       d.guard, d.satisfied_by, d.before, d.shares, d.waiver, d.goods, d.resembles, d.reviewed, d.reviewers, d.signatories"""
"""The select list of these columns, of ``lianyun.financing_decision d``."""


def decision_of(row: Sequence[Any]) -> Decision:
    """The decision in a row of ``decisions_of``."""
    (
        number, action, outcome, at, asked_by, idempotency, asked, position, rules, financing, request, application,
        applicant, product, interest, amount, currency, until, frees, notices, guard, satisfied_by, before,
        shares, waiver, goods, resembles, reviewed, reviewers, signatories,
    ) = row[:DECISION_COLUMNS]  # fmt: skip
    return Decision(
        number=number,
        action=Action(action),
        outcome=DecisionOutcome(outcome),
        at=at,
        asked_by=asked_by,
        idempotency=idempotency,
        asked=asked,
        position=position,
        rules=rules,
        financing=financing,
        request=request,
        terms=None if application is None else Terms(application, applicant, product, interest),
        amount=None if amount is None else Money(amount, currency),
        until=until,
        frees=tuple(frees),
        notices=tuple(notices),
        guard=guard,
        satisfied_by=satisfied_by,
        before=before,
        shares=tuple(map(thing_of, shares)),
        waiver=waiver,
        goods=tuple(map(thing_of, goods)),
        resembles=tuple(map(Resemblance.parse, resembles)),
        reviewed=reviewed,
        reviewers=tuple(reviewers),
        signatories=tuple(map(Signatory.parse, signatories)),
    )


def thing_of(text: str) -> Thing:
    """The object that is written ``kind:key``."""
    kind, _, key = text.partition(":")
    return Thing(ObjectKind[kind.upper()], key)


def decision_columns(decisions: Sequence[Decision]) -> dict[str, Any]:
    """The parameters of ``record`` for the decisions themselves, without the signed events: a column of each member."""
    terms = [decision.terms for decision in decisions]
    amounts = [decision.amount for decision in decisions]
    return {
        "numbers": bigints([r.number for r in decisions]),
        "positions": bigints([r.position for r in decisions]),
        "befores": _optional(r.before for r in decisions),
        "ats": bigints([r.at for r in decisions]),
        "actions": texts([str(r.action) for r in decisions]),
        "outcomes": texts([str(r.outcome) for r in decisions]),
        "asked_bys": texts([r.asked_by for r in decisions]),
        "idempotencies": texts([r.idempotency for r in decisions]),
        "askeds": uuids([r.asked for r in decisions]),
        "requests": texts([None if r.request is None else r.request.hex() for r in decisions]),
        "financings": texts([r.financing for r in decisions]),
        "applications": texts([None if t is None else t.application for t in terms]),
        "applicants": texts([None if t is None else t.applicant for t in terms]),
        "products": texts([None if t is None else t.product for t in terms]),
        "interests": texts([None if t is None else t.interest for t in terms]),
        "amounts": _optional(None if a is None else a.minor for a in amounts),
        "currencies": texts([None if a is None else a.currency for a in amounts]),
        "untils": _optional(r.until for r in decisions),
        "frees": texts([literal(r.frees) for r in decisions]),
        "notices": texts([literal(r.notices) for r in decisions]),
        "guards": texts([r.guard for r in decisions]),
        "satisfied_bys": texts([r.satisfied_by for r in decisions]),
        "rules": texts([r.rules for r in decisions]),
        "shares": texts([literal(map(str, r.shares)) for r in decisions]),
        "waivers": texts([r.waiver for r in decisions]),
        "goods": texts([literal(map(str, r.goods)) for r in decisions]),
        "resembles": texts([literal(map(str, r.resembles)) for r in decisions]),
        "revieweds": _optional(r.reviewed for r in decisions),
        "reviewers": texts([literal(r.reviewers) for r in decisions]),
        "signatories": texts([literal(map(str, r.signatories)) for r in decisions]),
    }


def _optional(numbers: Iterable[int | None]) -> Texts:
    return texts([None if number is None else str(number) for number in numbers])


def print_of(row: Sequence[Any]) -> tuple[str, Fingerprint]:
    """(financing, what it holds) in a row of ``entries``."""
    version, kind, digest, name, measure, part, whole, near, thing = row
    share = None if measure is None else Share(measure, part, whole)
    return name, Fingerprint(version, _BY_NUMBER[kind], digest, share, frozenset(near), thing)


def entry_columns(taken: Iterable[tuple[str, Iterable[Fingerprint]]]) -> dict[str, Any]:
    """The parameters of ``record`` for the entries that financings take, in ascending order of digests of each."""
    made = [
        (name, print_)
        for name, prints in taken
        for print_ in sorted(prints, key=lambda made: (made.digest, made.kind, made.version))
    ]
    shares = [print_.share for _, print_ in made]
    return {
        "takers": uuids([financing_id(name) for name, _ in made]),
        "taker_names": texts([name for name, _ in made]),
        "versions": smallints([print_.version for _, print_ in made]),
        "kinds": smallints([KINDS[print_.kind] for _, print_ in made]),
        "digests": uuids([print_.digest for _, print_ in made]),
        "measures": texts([None if share is None else share.measure for share in shares]),
        "parts": _optional(None if share is None else share.part for share in shares),
        "wholes": _optional(None if share is None else share.whole for share in shares),
        "nears": texts(["{" + ",".join(map(str, sorted(print_.near))) + "}" for _, print_ in made]),
        "things": texts([None if print_.thing is None else print_.thing.hex() for _, print_ in made]),
    }


def freed_columns(freed: Iterable[tuple[str, int, Iterable[Fingerprint]]]) -> dict[str, Any]:
    """The parameters of ``record_changes`` for the entries that decisions, by number, free of financings of which the rest stays."""
    made = [(name, number, print_) for name, number, prints in freed for print_ in prints]
    return {
        "part_of": uuids([financing_id(name) for name, _, _ in made]),
        "part_versions": smallints([print_.version for *_, print_ in made]),
        "part_kinds": smallints([KINDS[print_.kind] for *_, print_ in made]),
        "part_digests": uuids([print_.digest for *_, print_ in made]),
        "part_by": bigints([number for _, number, _ in made]),
    }


Session = Connection[Any]
Row = Sequence[Any]
HeldEntry = tuple[str, Fingerprint]
"""A financing by its name, and one fingerprint that it holds."""


def decisions_of(session: Session, financings: Iterable[bytes]) -> tuple[Decision, ...]:
    """Every decision that changed one of the financings (16-byte ids), in the order of their numbers."""
    rows = _rows(session, "decisions_of", {"financings": uuids(sorted({*financings}))})
    return tuple(map(decision_of, rows))


def decisions_of_each(session: Session, financings: Iterable[bytes]) -> dict[bytes, tuple[Decision, ...]]:
    """The same of each financing by itself."""
    found: dict[bytes, list[Decision]] = {financing: [] for financing in financings}
    made: dict[int, Decision] = {}
    for financing, *row in _rows(session, "decisions_of_each", {"financings": uuids(sorted(found))}):
        decision = made.get(row[0])
        if decision is None:
            decision = made[row[0]] = decision_of(row)
        found[financing].append(decision)
    return {financing: tuple(decisions) for financing, decisions in found.items()}


def cargo_of_each(session: Session, financings: Sequence[bytes]) -> dict[bytes, tuple[Thing, ...]]:
    """``cargo_of`` each financing by itself."""
    rows: dict[bytes, list[Row]] = {financing: [] for financing in financings}
    for financing, *row in _rows(session, "cargo_of_each", {"financings": uuids(sorted(rows))}):
        rows[financing].append(row)
    return {financing: cargo_in(own) for financing, own in rows.items()}


def cargo_of(session: Session, financings: Sequence[bytes]) -> tuple[Thing, ...]:
    """The consignments that the financings (16-byte ids) were reserved on, under their names of that time."""
    return cargo_in(
        _rows(session, "cargo_of", {"financings": uuids(sorted(financings))}) if financings else []
    )


def cargo_in(rows: Iterable[Row]) -> tuple[Thing, ...]:
    """The consignments in rows of ``cargo_of``."""
    return tuple(sorted(consignment(*key.split("/", 1)) for _, key in rows))


def entries_of(session: Session, financings: Sequence[bytes]) -> list[HeldEntry]:
    """The entries of the financings (16-byte ids), each with the financing's name, sorted."""
    if not financings:
        return []
    rows = _rows(session, "entries_of", {"financings": uuids(sorted(financings))})
    return sorted(map(print_of, rows), key=_order)


def entries_held_by(entries: Iterable[HeldEntry], financing: str) -> list[HeldEntry]:
    """The entries of the financing of that name, sorted."""
    return sorted((each for each in entries if each[0] == financing), key=_order)


def entries_under(session: Session, prints: Sequence[Fingerprint]) -> list[HeldEntry]:
    """The entries under any of ``prints``, of all financings."""
    digests = sorted({each.digest for each in prints})
    rows = _rows(session, "entries", {"digests": uuids(digests)}) if digests else []
    return among(map(print_of, rows), prints)


def among(entries: Iterable[HeldEntry], prints: Iterable[Fingerprint]) -> list[HeldEntry]:
    """Those of ``entries`` under the very ``prints``: of the same version, kind and digest."""
    wanted = {(p.version, p.kind, p.digest) for p in prints}
    return [(name, p) for name, p in entries if (p.version, p.kind, p.digest) in wanted]


def _order(entry: HeldEntry) -> tuple[str, int, str, bytes]:
    name, print_ = entry
    return name, print_.version, print_.kind, print_.digest


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement(name), parameters).fetchall()


class Acknowledgement(NamedTuple):
    """Which client of the bank acknowledged an alert through the API, when, and its remark."""

    at: Micros
    client: str
    remark: str


def acknowledge(
    session: Session, financing: str, alert: str, at: Micros, client: str, remark: str = ""
) -> bool:
    """Record that ``alert`` (32 hex digits) was acknowledged; False where it was before, which stays unchanged."""
    key = {"financing": financing_id(financing).hex(), "alert": alert}
    entry = {"at": at, "client": client, "remark": remark}
    if session.execute(statement("acknowledge"), {**key, **entry}).rowcount == 0:
        return False
    enter(session, "financing_acknowledged", f"{UUID(key['financing'])} {UUID(alert)}", entry)
    return True


def acknowledged(session: Session, financing: str, known_at: Micros) -> dict[str, Acknowledgement]:
    """The acknowledgements by ``known_at``, by alert."""
    given = {"financing": financing_id(financing).hex(), "known_at": known_at}
    rows = session.execute(statement("acknowledged"), given, binary=True)
    return {bytes(alert).hex(): Acknowledgement(at, client, remark) for alert, at, client, remark in rows}


def acknowledged_of_each(
    session: Session, financings: Sequence[str], known_at: Micros
) -> dict[str, frozenset[str]]:
    """The alerts of each financing that somebody had acknowledged by ``known_at``."""
    by_id = {financing_id(name): name for name in financings}
    given = {"financings": uuids(sorted(by_id)), "known_at": known_at}
    found: dict[str, set[str]] = {name: set() for name in financings}
    for financing, alert in _rows(session, "acknowledged_of_each", given):
        found[by_id[financing]].add(alert.hex())
    return {name: frozenset(alerts) for name, alerts in found.items()}


def record_answers(session: Connection[Any], financing: str, answers: Iterable[RegistryAnswer]) -> None:
    """Record ``answers`` of other registries on ``financing``, in the caller's transaction; an existing one stays unchanged."""
    own = UUID(bytes=financing_id(financing))
    for given in answers:
        finding = {"finding": str(given.finding)}
        row = {"financing": own.hex, "registry": given.registry, "at": given.at, **finding}
        if session.execute(statement("put_external"), row).rowcount:
            enter(session, "financing_external", f"{own} {given.registry} {given.at}", finding)
