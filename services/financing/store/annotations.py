"""The service that decides annotations of papers: one request, one transaction, under the locks of the paper's fingerprints.

The locks are those of reservations, in the same order (versions of the fingerprints, then keys in ascending order): an annotation and a reservation
of one paper wait for one another, and the second sees the first. Each decision is recorded as an event signed by the platform over the bytes as stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from schemas.events.trade_offshore import AnnotationDecided, DealPaperKind
from services.domain.facts import Micros
from services.financing.domain import lifecycle
from services.financing.domain.annotation import (
    OWN_STANDING,
    PAPER_OF_DEAL,
    Action,
    Annotation,
    AnnotationRequest,
    Behind,
    Refused,
    Standing,
    against,
    paper_in,
    prints_of,
    taken_of,
    takes_digest,
)
from services.financing.domain.documents import Share
from services.financing.domain.fingerprints import Fingerprint, Version
from services.financing.store import fingerprint_versions as versions
from services.financing.store import statement
from services.financing.store.financings import KINDS, HeldEntry, among, decisions_of, print_of
from services.financing.store.fingerprint_versions import KeyRing
from services.financing.store.identifiers import financing_id
from services.ledger.platform_signature import SignedEvent, Signer, rfc3339, signed_event
from services.ledger.storage import points
from services.ledger.storage.arrays import adapt, smallints, texts, uuids
from services.ledger.storage.decision_locks import Clock, database_clock, lock, request_key

Session = Connection[Any]
COLUMNS: Final = 18
DECISION_LIST: Final = """d.number, d.action, d.done, d.at, d.position, d.by_party, d.request, d.asked, d.deal, d.stated, d.annotation, d.kind,
       d.measure, d.part, d.whole, d.guard, d.satisfied_by, d.rules"""
"""The select list of these columns, of ``lianyun.annotation_decision d``."""


class UnknownAnnotation(Exception):
    """There is no such annotation of this bank; nothing was decided."""


class RequestUsed(Exception):
    """The bank used this request id for another request; nothing was decided."""


@dataclass(frozen=True)
class AnnotationService:
    """Decides in the caller's transaction, which it neither commits nor rolls back. Usable from several sessions and threads.

    ``clock`` replaces the database's; ``take`` takes the locks.
    """

    ring: KeyRing
    signer: Signer
    clock: Clock = database_clock
    take: Callable[[Session, Iterable[bytes]], None] = field(default=lock, repr=False)

    def annotate(self, session: Session, ask: AnnotationRequest, behind: Behind) -> Annotation:
        """Decide and record whether ``ask.by`` annotates a paper of the deal ``behind``; blocks while others decide on the same paper.

        A repeated request gives its recorded decision and records nothing. Raises RequestUsed, KeyMissing, and what Postgres raises.
        """
        adapt(session)
        with session.pipeline():
            counting = versions.hold(session, self.ring)
        paper = None if ask.paper is None else paper_in(ask.paper, behind)
        share = None if paper is None else taken_of(paper, ask.amount)
        refused: Refused | None = PAPER_OF_DEAL if paper is None else None
        prints: tuple[Fingerprint, ...] = ()
        if isinstance(share, Refused):
            refused, share = share, None
        elif paper is not None:
            prints = prints_of(paper, share, behind.owner, counting)
        at, position = self._locked(session, [*(each.digest for each in prints), _request(ask)])
        asked = ask.digest(self.signer.secret("request"))
        read = _read(session, ask, prints)
        if (earlier := read.earlier(ask, asked)) is not None:
            return earlier
        standing = read.standing(prints)
        if refused is None:
            refused = against(prints, behind.deal, standing, _held(session, read.held(prints), at))
        assert ask.paper is not None
        number = read.number
        decision = Annotation(
            number=number,
            action=Action.ANNOTATE,
            done=refused is None,
            at=at,
            position=position,
            by=ask.by,
            request=ask.request,
            asked=asked,
            deal=behind.deal,
            stated=behind.stated,
            annotation=number,
            kind=ask.paper.kind,
            share=share,
            guard="" if refused is None else refused.guard,
            satisfied_by="" if refused is None else refused.satisfied_by,
        )
        taken = _written(prints, standing, counting) if decision.done else ()
        self._record(session, decision, taken)
        return decision

    def revoke(self, session: Session, ask: AnnotationRequest) -> Annotation:
        """Decide and record whether ``ask.by`` revokes its annotation ``ask.revokes``; the paper is free for that part from then on.

        Raises UnknownAnnotation, also for one of another bank, RequestUsed, and what Postgres raises.
        """
        adapt(session)
        parameters = {"number": ask.revokes, "by": ask.by}
        if _row(session, "annotation_of", parameters) is None:
            raise UnknownAnnotation(ask.revokes)
        at, position = self._locked(session, [request_key("annotation", str(ask.revokes)), _request(ask)])
        asked = ask.digest(self.signer.secret("request"))
        read = _read(session, ask, ())
        if (earlier := read.earlier(ask, asked)) is not None:
            return earlier
        row = _row(session, "annotation_of", parameters)
        assert row is not None
        known, standing = annotation_of(row), row[COLUMNS]
        decision = known._replace(
            number=read.number,
            action=Action.REVOKE,
            done=bool(standing),
            at=max(at, known.at),
            position=position,
            request=ask.request,
            asked=asked,
            guard="" if standing else OWN_STANDING.guard,
            satisfied_by="" if standing else OWN_STANDING.satisfied_by,
        )
        self._record(session, decision, ())
        return decision

    def _locked(self, session: Session, ids: Iterable[bytes]) -> tuple[Micros, int]:
        """Take the locks; the moment behind them, and the transaction below which all is visible."""
        with session.pipeline():
            self.take(session, ids)
            found = self.clock(session)
        points.reach("annotation_locked")
        return found

    def _record(self, session: Session, decision: Annotation, taken: Sequence[Fingerprint]) -> None:
        points.reach("annotation_decided")
        signed = signed_annotation(self.signer, decision, taken)
        row = {**row_of(decision), "headers": signed.headers, "payload": signed.payload}
        with session.pipeline():
            session.execute(statement("put_annotation"), row)
            if taken:
                session.execute(statement("put_annotation_entries"), _entries(decision, taken))
            if decision.done and decision.action is Action.REVOKE:
                session.execute(
                    statement("revoke_annotation"),
                    {"number": decision.number, "annotation": decision.annotation},
                )
        points.reach("annotation_recorded")


def annotations_on(session: Session, deal: str, bank: str) -> tuple[Annotation, ...]:
    """What ``bank`` has annotated of a deal and not revoked, in the order of the decisions."""
    adapt(session)
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    rows = cursor.execute(statement("annotations_on"), {"deal": deal, "by": bank}).fetchall()
    return tuple(map(annotation_of, rows))


def annotation_of(row: Sequence[Any]) -> Annotation:
    """The decision in a row of DECISION_LIST; ValueError where it is none."""
    number, action, done, at, position, by, request, asked, deal, stated, annotation, kind, *rest = row[
        :COLUMNS
    ]
    measure, part, whole, guard, satisfied_by, rules = rest
    return Annotation(
        number,
        Action(action),
        done,
        at,
        position,
        by,
        request,
        bytes(asked),
        deal,
        None if stated is None else bytes(stated),
        annotation,
        DealPaperKind(kind),
        None if measure is None else Share(measure, part, whole),
        guard,
        satisfied_by,
        rules,
    )


def row_of(decision: Annotation) -> dict[str, Any]:
    """The columns of a decision, without the signed event."""
    share = decision.share
    return {
        **decision._asdict(),
        "action": str(decision.action),
        "asked": decision.asked.hex(),
        "stated": None if decision.stated is None else decision.stated.hex(),
        "kind": str(decision.kind),
        "measure": None if share is None else share.measure,
        "part": None if share is None else share.part,
        "whole": None if share is None else share.whole,
    }


def event_id_of(decision: Annotation) -> str:
    """The CloudEvents id of the platform's event for ``decision``."""
    return f"annotation-decision-{decision.number}"


def stated_fields(decision: Annotation) -> dict[str, Any]:
    """The fields of the event that come from ``decision``; None for what it leaves out."""
    row = row_of(decision)
    return {
        "happened": rfc3339(decision.at),
        "outcome": "DONE" if decision.done else "REFUSED",
        "asked_digest": row["asked"],
        "guard": decision.guard or None,
        "satisfied_by": decision.satisfied_by or None,
        **{
            name: row[name]
            for name in (
                "number", "position", "action", "by", "request", "deal", "stated", "annotation", "kind", "measure", "part",
                "whole", "rules",
            )
        },
    }  # fmt: skip


def signed_annotation(signer: Signer, decision: Annotation, taken: Sequence[Fingerprint]) -> SignedEvent:
    """The event of ``decision``; the same decision gives the same bytes."""
    fields = {name: value for name, value in stated_fields(decision).items() if value is not None}
    if taken:
        fields["takes_sha256"] = takes_digest(taken).hex()
    return signed_event(signer, AnnotationDecided, event_id_of(decision), decision.at, fields)


class _Read(NamedTuple):
    """What was read behind the locks: the number of the decision, the one on this request, and what stands and is held under the fingerprints."""

    number: int
    requested: Sequence[Any] | None
    annotated: Sequence[Sequence[Any]] = ()
    entries: Sequence[Sequence[Any]] = ()

    def earlier(self, ask: AnnotationRequest, asked: bytes) -> Annotation | None:
        """The decision that the bank already has on this request; raises RequestUsed."""
        if self.requested is None:
            return None
        found = annotation_of(self.requested)
        if found.asked != asked:
            raise RequestUsed(f"request {ask.request} was used for another one: name this one anew")
        return found

    def standing(self, prints: Iterable[Fingerprint]) -> list[Standing]:
        """The annotations that stand under the very ``prints``."""
        wanted = {(each.version, each.kind, each.digest) for each in prints}
        found = (Standing(print_of(row[:9])[1], *row[9:]) for row in self.annotated)
        return [
            each
            for each in found
            if (each.fingerprint.version, each.fingerprint.kind, each.fingerprint.digest) in wanted
        ]

    def held(self, prints: Iterable[Fingerprint]) -> list[HeldEntry]:
        """What financings hold under the very ``prints``."""
        return among(map(print_of, self.entries), prints)


def _read(session: Session, ask: AnnotationRequest, prints: Sequence[Fingerprint]) -> _Read:
    digests = {"digests": uuids(sorted({each.digest for each in prints}))}
    with session.pipeline():
        number = session.execute(statement("annotation_number"))
        requested = _rows(session, "annotation_requested", {"by": ask.by, "request": ask.request})
        annotated = _rows(session, "annotations_standing", digests) if prints else None
        entries = _rows(session, "entries", digests) if prints else None
    ((drawn,),) = number.fetchall()
    return _Read(
        int(drawn),
        requested.fetchone(),
        () if annotated is None else annotated.fetchall(),
        () if entries is None else entries.fetchall(),
    )


def _held(session: Session, entries: Sequence[HeldEntry], at: Micros) -> list[Fingerprint]:
    """Those of ``entries`` that are held at ``at``: pledged, or reserved and not run out."""
    if not entries:
        return []
    holds = lifecycle.holds(decisions_of(session, [financing_id(name) for name, _ in entries]))
    return [each for name, each in entries if name in holds and holds[name].held(at)]


def _request(ask: AnnotationRequest) -> bytes:
    return request_key(ask.by, ask.request)


def _written(
    prints: Iterable[Fingerprint], standing: Iterable[Standing], counting: Iterable[Version]
) -> tuple[Fingerprint, ...]:
    """Those that are recorded: under open versions, and under a closed one what meets an annotation there, so that parts add up."""
    opened = {each.number for each in counting if each.open}
    met = {(each.fingerprint.version, each.fingerprint.digest) for each in standing}
    return tuple(each for each in prints if each.version in opened or (each.version, each.digest) in met)


def _entries(decision: Annotation, taken: Sequence[Fingerprint]) -> dict[str, Any]:
    shares = [each.share for each in taken]
    return {
        "annotation": decision.number,
        "versions": smallints([each.version for each in taken]),
        "kinds": smallints([KINDS[each.kind] for each in taken]),
        "digests": uuids([each.digest for each in taken]),
        "measures": texts([None if each is None else each.measure for each in shares]),
        "parts": texts([None if each is None else str(each.part) for each in shares]),
        "wholes": texts([None if each is None else str(each.whole) for each in shares]),
    }


def _row(session: Session, name: str, parameters: dict[str, Any]) -> Sequence[Any] | None:
    return _rows(session, name, parameters).fetchone()


def _rows(session: Session, name: str, parameters: dict[str, Any]) -> Cursor[tuple[Any, ...]]:
    return session.cursor(binary=True, row_factory=tuple_row).execute(statement(name), parameters)
