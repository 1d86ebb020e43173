"""What arrived of a run: attempts as the API saw them, accepted events, dead letters; and the recording of attempts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from schemas.envelope import HEADERS, SIGNATURE_HEADER, Envelope, event_id, signed_bytes
from schemas.reasons import Reason, Refusal
from schemas.signature_header import parse_header
from schemas.signing import verify
from services.api.calls import Call
from services.api.cloudevents import outcomes
from services.api.cloudevents.offer import Misfit, Offer
from services.api.cloudevents.outcomes import Outcome, Session
from services.api.conformance import statement
from services.api.conformance.cases import Case, run_of
from services.api.sandbox.table import NETWORKS
from services.ledger.admission.raw_bytes import unframe
from services.ledger.dead_letters.store import PublisherQuery, letters_of
from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Stored

MOST_ATTEMPTS: Final = 1_000
"""Attempts that are recorded of one run."""
MOST_RUNS: Final = 5
"""Runs of one party of which attempts are recorded, the latest ones."""
_MOST_LETTERS: Final = 500
_FOREVER: Final = (1 << 62, b"")


class Attempt(NamedTuple):
    """One event of a request: the digest of its signed bytes (None where it had not the form of one), and why it was refused, "" where not."""

    event: str
    content: bytes | None
    events: int  # of the same request
    reason: str
    detail: str
    pointer: str
    remedy: str


@dataclass(slots=True)
class Seen:
    """What is known of one event id, by whichever route it came."""

    attempts: list[Attempt] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    equivocates: bool = False
    refusals: list[Attempt] = field(default_factory=list)
    """Each refusal, of an attempt or of a dead letter."""

    @property
    def came(self) -> bool:
        return bool(self.attempts or self.stored or self.refusals)


def record(call: Call, brought: Sequence[Offer | Misfit], judged: Sequence[Offer | Misfit]) -> None:
    """Record the events of a request that are of conformance runs: as they were ``brought``, and as they were ``judged``.

    Nothing in a network without a sandbox, and nothing of events of no run.
    """
    network = call.context.settings.network
    if network not in NETWORKS:
        return
    rows = [
        (run, _attempt(before, after, len(brought), network, call.registry))
        for before, after in zip(brought, judged, strict=True)
        if (run := run_of(_id(before)))
    ]
    if not rows:
        return
    with call.transaction() as session:
        for run, each in rows:
            values = {"party": call.party.code, "run": run, "at": call.now, "most": MOST_ATTEMPTS}
            session.execute(statement("record"), {**values, **each._asdict()})
        session.execute(statement("remove_older"), {"party": call.party.code, "runs": MOST_RUNS})


def _id(event: Offer | Misfit) -> str:
    return event.id if isinstance(event, Misfit) else event.envelope.id


def _attempt(
    before: Offer | Misfit, after: Offer | Misfit, events: int, network: str, registry: Registry
) -> Attempt:
    content = before.content if isinstance(before, Offer) else None
    attempt = Attempt(_id(before), content, events, "", "", "", "")
    if isinstance(after, Offer):
        return attempt
    why = after.refusal
    detail, remedy = why.detail, why.remedy
    if why.reason is Reason.BAD_SIGNATURE and isinstance(before, Offer):
        detail = f"{detail} {signed_otherwise(before, network, registry)}".strip()
    return replace_reason(attempt, why, detail, remedy)


def replace_reason(attempt: Attempt, why: Refusal, detail: str, remedy: str) -> Attempt:
    """``attempt`` as refused."""
    return attempt._replace(
        reason=str(why.reason), detail=detail[:1_000], pointer=why.pointer[:300], remedy=remedy[:1_000]
    )


def signed_otherwise(offered: Offer, network: str, registry: Registry) -> str:
    """Which mistake explains a signature that is not over the signed bytes: one that its key did make, "" where none of the usual does."""
    header = parse_header(dict(offered.headers)[SIGNATURE_HEADER])
    key = registry.key(header.key_id)
    if key is None or header.batch is not None:
        return ""
    envelope, payload = offered.envelope, offered.payload
    tries: list[tuple[str, str, Envelope, bytes]] = [
        *(
            (f"It did sign them for the network {other!r}; this is {network!r}.", other, envelope, payload)
            for other in ("prod", "demo", "sandbox", "elsewhere")
            if other != network
        ),
        (
            "It did sign them without datacontenttype.",
            network,
            replace(envelope, datacontenttype=None),
            payload,
        ),
        ("It did sign them without the subject.", network, replace(envelope, subject=None), payload),
        ("It did sign the payload without the blanks at its end.", network, envelope, payload.rstrip()),
        ("It did sign the payload alone.", "", envelope, payload),
    ]
    for said, name, attributes, value in tries:
        try:
            verify(header, key.public, signed_bytes(name, attributes, value) if name else value)
        except Refusal:
            continue
        return said
    return ""


def attempts_of(session: Session, party: str, run: str) -> list[Attempt]:
    """The attempts of a run, in the order in which they came."""
    rows = session.execute(statement("attempts"), {"party": party, "run": run})
    return [Attempt(each[0], None if each[1] is None else bytes(each[1]), *each[2:]) for each in rows]


def runs_of(session: Session, party: str) -> list[str]:
    """The runs of which attempts are recorded, the latest first."""
    return [run for (run,) in session.execute(statement("runs"), {"party": party})]


def evidence(session: Session, party: Party, run: str, cases: Iterable[Case]) -> Mapping[str, Seen]:
    """What arrived of the run, by event id; of ids that no case has, the attempts."""
    found: defaultdict[str, Seen] = defaultdict(Seen)
    for attempt in attempts_of(session, party.code, run):
        found[attempt.event].attempts.append(attempt)
        if attempt.reason:
            found[attempt.event].refusals.append(attempt)
    names = {
        event_id(source, each.id): each.id
        for case in cases
        for each in case.events
        for source in party.sources
    }
    ids = list(names)
    for each in event_reader.events_by_id(session, ids):
        found[names[each.id]].stored.append(each)
    for identity, fate in zip(ids, outcomes.fates_of(session, ids, party.code), strict=True):
        if fate is None:
            continue
        seen = found[names[identity]]
        seen.equivocates = fate.outcome is Outcome.EQUIVOCATION
        if fate.outcome is Outcome.REFUSED:
            refused = Attempt(names[identity], None, 1, fate.reason, fate.detail, fate.pointer, fate.remedy)
            seen.refusals.append(refused)
    query = PublisherQuery(
        party.code, 0, _FOREVER, header=f"conformance/{run}/".encode(), limit=_MOST_LETTERS
    )
    for letter in letters_of(session, query):
        id_ = dict(letter_headers(letter.headers)).get(HEADERS["id"], "")
        refused = Attempt(id_, None, 1, str(letter.reason), letter.detail, letter.pointer, letter.remedy)
        if run_of(id_) == run and refused not in found[id_].refusals:
            found[id_].refusals.append(refused)
    return found


def letter_headers(framed: bytes) -> list[tuple[str, str]]:
    """The headers of a dead letter as text, as far as they can be read."""
    try:
        return [(name, (value or b"").decode("utf-8", "replace")) for name, value in unframe(framed)]
    except ValueError:
        return []
