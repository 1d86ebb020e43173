"""`lianyun events status`: everything that one published, with its outcome and the consignments that it reaches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from psycopg import Connection

from schemas.envelope import Envelope
from services.api.cloudevents.handle import Handle
from services.api.cloudevents.outcomes import Fate, Outcome, fates, fates_of
from services.cli.bank_client import calling, got
from services.cli.checks import workers
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import err, iso, out, print_json, print_table
from services.cli.registry_change import known_party
from services.cli.settings import CliSettings
from services.ledger.admission.raw_bytes import digest, unframe
from services.ledger.dead_letters.letter import DeadLetter
from services.ledger.dead_letters.store import PublisherQuery, letters_of
from services.ledger.registry import store
from services.ledger.storage.event_reader import Stored
from services.ledger.storage.ledger_protocol import PartitionId
from services.producers import spool
from services.producers.spool import SpooledEvent
from services.query.published.listing import Place, Wanted, listing, reach

WAITING, SENT = "waiting", "published"
"""Of events in the spool: the broker does not have it; it has it, and this machine is not shown what became of it."""
_END = 2**62
_REACHED = 3


@dataclass(frozen=True, slots=True)
class Status:
    """One event: when it was last seen (UTC microseconds), its name, outcome and reach, and what to do about it."""

    at: int
    source: str
    id: str
    type: str
    outcome: str
    reaches: tuple[str, ...] = ()
    detail: str = ""
    remedy: str = ""


def status(
    party: Annotated[str, typer.Option("--as", help="Whose events.")],
    outcome: Annotated[
        list[str] | None, typer.Option(help="Only these outcomes, such as refused; repeat for several.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the latest.")] = 50,
    client: Annotated[
        str, typer.Option(help="Ask the API as this client, where this machine reaches no database.")
    ] = "",
    key: Annotated[Path | None, typer.Option(help="The client's private key, a JWK.")] = None,
    url: Annotated[str, typer.Option(help="The API; LIANYUN_API_URL by default.")] = "",
    as_json: AsJson = False,
) -> None:
    """List everything that one published, the latest first: what became of it, what it reaches, and what is to be done."""
    settings = CliSettings()
    spooled = spool.history(settings.partners / f"{party}.spool", limit)
    if client:
        if key is None:
            raise Failure(Exit.USAGE, "a client proves itself by its key", "add --key FILE")
        with calling(url, client, key) as api:
            found = [_by_api(api, each) for each in spooled]
    elif settings.dsn.get_secret_value():
        with session(settings) as connection:
            found = _by_database(connection, party, spooled, limit)
    else:
        found = [_by_spool(each) for each in spooled]
        err.print("outcomes are not shown here: add --client ID --key FILE to ask the API", markup=False)
    shown = [each for each in found if not outcome or each.outcome in outcome]
    shown.sort(key=lambda each: each.at, reverse=True)
    _print(shown[:limit], as_json)


def _print(found: Sequence[Status], as_json: bool) -> None:
    if as_json:
        print_json({"events": [{**asdict(each), "at": iso(each.at)} for each in found]})
        return
    if not found:
        out.print("nothing was published yet")
        return
    rows = [(iso(e.at), e.type, e.id, e.outcome, ", ".join(e.reaches), e.detail, e.remedy) for e in found]
    print_table(("at", "type", "id", "outcome", "reaches", "detail", "to do"), rows)


def _by_spool(event: SpooledEvent) -> Status:
    outcome = WAITING if event.place is None else SENT
    remedy = "publish again when the broker answers; lianyun doctor" if event.place is None else ""
    return _named(event, outcome, remedy=remedy)


def _named(event: SpooledEvent, outcome: str, detail: str = "", remedy: str = "") -> Status:
    envelope = Envelope.from_headers(event.message.headers)
    return Status(event.at_us, envelope.source, envelope.id, envelope.type, outcome, (), detail, remedy)


def _by_api(api: httpx.Client, event: SpooledEvent) -> Status:
    if event.place is None:
        return _by_spool(event)
    named = _named(event, str(Outcome.PENDING))
    answer = api.get("/v1/events", params={"source": named.source, "id": named.id})
    if answer.status_code == httpx.codes.NOT_FOUND:
        return named
    body = got(answer).json()
    detail, remedy = _MEANS.get(body["outcome"], ("", ""))
    why = " ".join(filter(None, (body.get("reason"), body.get("detail"), body.get("pointer"))))
    return _named(event, body["outcome"], why or detail, body.get("remedy") or remedy)


def _by_database(
    connection: Connection[Any],
    party: str,
    spooled: Sequence[SpooledEvent],
    limit: int,
) -> list[Status]:
    registry = store.read_snapshot(connection)
    known_party(registry, party)
    keys = [key.key_id for key in registry.keys_of(party)]
    accepted = listing(connection, Wanted(keys, 0, Place(_END, _END)), limit).events
    letters = letters_of(connection, PublisherQuery(party, 0, (_END, b"\xff" * 32), limit=limit))
    seen = {event.id for event in accepted}
    refused = {letter.digest for letter in letters}
    others = [
        event
        for event in spooled
        if event.message.identity not in seen
        and digest(event.message.headers, event.message.value) not in refused
    ]
    return [
        *_accepted(connection, accepted, party),
        *map(_refused, letters),
        *_on_the_way(connection, others, party),
    ]


def _accepted(connection: Connection[Any], events: Sequence[Stored], party: str) -> Iterator[Status]:
    found = fates_of(connection, [event.id for event in events], party)
    for event, fate in zip(events, found, strict=True):
        envelope = Envelope.from_headers(event.headers)
        reached = [each.hex() for each in reach(connection, event.no, _REACHED + 1)]
        shown = (*reached[:_REACHED], *(["and more"] if len(reached) > _REACHED else []))
        outcome = Outcome.ACCEPTED if fate is None else fate.outcome
        detail, remedy = _MEANS.get(outcome, ("", ""))
        yield Status(
            event.append_us, envelope.source, envelope.id, envelope.type, str(outcome), shown, detail, remedy
        )


_MEANS: Mapping[str, tuple[str, str]] = {
    Outcome.PARKED: (
        "it reaches no consignment yet",
        "publish the link that leads to it, where it is yours to say",
    ),
    Outcome.EQUIVOCATION: (
        "several contents under one id: none counts",
        "publish what is right under a new id",
    ),
    Outcome.QUARANTINED: ("its key was reported compromised", "publish it anew, signed by a key that counts"),
    Outcome.UNKNOWN: ("its place was passed, and nothing of it is stored", "publish it again"),
}


def _refused(letter: DeadLetter) -> Status:
    headers = dict(unframe(letter.headers))
    source, name, kind = (
        (headers.get(f"ce_{part}") or b"").decode("utf-8", "replace") for part in ("source", "id", "type")
    )
    detail = " ".join(filter(None, (str(letter.reason), letter.detail, letter.pointer)))
    state = str(Outcome.REFUSED) if letter.state == "OPEN" else f"{Outcome.REFUSED}, {letter.state.lower()}"
    return Status(letter.last.appended, source, name, kind, state, (), detail, letter.remedy)


def _on_the_way(connection: Connection[Any], events: Iterable[SpooledEvent], party: str) -> Iterator[Status]:
    """Events of the spool of which nothing is stored: they wait here or in the log, or are lost."""
    placed = []
    for event in events:
        if event.place is None:
            yield _by_spool(event)
        else:
            placed.append(event)
    if not placed:
        return
    held = {where for where, (_, alive) in workers.ledger(connection).items() if alive}
    handles = [
        Handle(
            event.message.identity, event.message.digest, digest(event.message.headers, event.message.value),
            event.message.topic, *(event.place or (0, 0)),
        )
        for event in placed
    ]  # fmt: skip
    for event, handle, fate in zip(placed, handles, fates(connection, handles, party), strict=True):
        yield _named(event, str(fate.outcome), *_because(handle, fate, held))


def _because(handle: Handle, fate: Fate, held: Collection[PartitionId]) -> tuple[str, str]:
    where = PartitionId(handle.topic, handle.partition)
    if fate.outcome is Outcome.PENDING:
        if where not in held:
            return f"no worker reads {handle.topic}/{handle.partition}", "lianyun doctor"
        return f"the workers have not reached {handle.topic}/{handle.partition}@{handle.offset}", ""
    if fate.outcome is Outcome.REFUSED:
        return " ".join(filter(None, (fate.reason, fate.detail, fate.pointer))), fate.remedy
    return _MEANS.get(fate.outcome, ("", ""))
