"""`lianyun events`: published events, and native records before publication."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer

from schemas.envelope import event_id
from schemas.reasons import Refusal
from schemas.remarks import UNREACHED, remark, remarks_of
from schemas.trace_context import TraceContext, trace_id
from services.api.cloudevents import outcomes
from services.api.cloudevents.outcomes import Fate, Outcome
from services.cli.database import ReconnectingSession, session
from services.cli.events_status import status
from services.cli.exits import Exit, Failure
from services.cli.output import err, iso, json_text, out, print_json, print_table
from services.cli.settings import CliSettings
from services.ledger.dead_letters import store as dead_letter_store
from services.ledger.registry import store
from services.ledger.storage import bodies, event_reader
from services.ledger.storage.session import Session
from services.producers import file_reader as reading_files
from services.producers import profile
from services.producers.outcomes import plain_refusal
from services.query.stored_events import Reread, reread

events = typer.Typer(no_args_is_help=True, help="Single events.")
events.command()(status)

_MOST = 10_000
_EQUIVOCATES = "None of the contents counts: publish what is right under a new id."
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@events.command()
def validate(
    paths: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="Files of native JSON lines.")
    ],
    party: Annotated[
        str, typer.Option("--as", help="The partner's profile; without it a throw-away one.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check native records exactly as admission will, without publishing anything."""
    settings = CliSettings()
    if party:
        try:
            who = profile.load(settings.partners, party)
        except profile.ProfileError as problem:
            raise Failure(Exit.NOT_FOUND, str(problem), "lianyun party list") from None
    else:
        who = profile.anonymous(settings.network)
    refusals: list[dict[str, Any]] = []
    remarks: list[dict[str, Any]] = []
    valid = 0
    for path in paths:
        try:
            content, _ = reading_files.load(path)
            for record in reading_files.read(content, who, "native").records:
                valid += record.refusal is None
                line = {"path": str(path), "row": record.where.row}
                if record.refusal is not None:
                    refusals.append({**line, **plain_refusal(record.refusal)})
                elif record.event is not None:
                    remarks += ({**line, **each._asdict()} for each in record.event.remarks)
        except Refusal as refusal:
            refusals.append({"path": str(path), "row": 0, **plain_refusal(refusal)})
    if as_json:
        print_json({"valid": valid, "refusals": refusals, "remarks": remarks})
    else:
        if refusals:
            print_table(tuple(refusals[0]), [tuple(row.values()) for row in refusals])
        if remarks:
            print_table(tuple(remarks[0]), [tuple(row.values()) for row in remarks])
        out.print(f"{valid} of {valid + len(refusals)} records are valid")
    if refusals:
        raise typer.Exit(Exit.FAILED)


@events.command()
def show(
    source: Annotated[str, typer.Argument(help="The event's source, or its 32-digit identity alone.")],
    identity: Annotated[str, typer.Argument(help="The event's id at that source.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show an event as published: attributes, payload, signature, origin, and what it states."""
    wanted = event_id(source, identity) if identity else _identity(source)
    with session(CliSettings()) as connection:
        registry = store.read_snapshot(connection)
        stored = event_reader.events_by_id(connection, [wanted])
        found = [reread(each, registry) for each in stored]
        fate = outcomes.fate_of(connection, wanted, found[0].party.code) if found else None
    if fate is None:
        raise Failure(Exit.NOT_FOUND, "no such event was accepted", "lianyun dlq list; lianyun events tail")
    shown = [_plain(each, fate) for each in found]
    if as_json:
        print_json({"events": shown})
        return
    for body in shown:
        print_table(("", ""), list(body.items()))
    if len(found) > 1:
        out.print("[bold red]EQUIVOCATION[/]: several contents under one id; none of them counts")


@events.command()
def equivocations(
    publisher: Annotated[str, typer.Option(help="Only this party's.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the ids under which several contents were accepted, none of which counts, the latest first."""
    with session(CliSettings()) as connection:
        registry = store.read_snapshot(connection)
        ids = event_reader.equivocations(connection, _MOST)
        contents: dict[bytes, list[Reread]] = {id_: [] for id_ in ids}
        for stored in event_reader.events_by_id(connection, ids):
            contents[stored.id].append(reread(stored, registry))
    found = [each for each in contents.values() if publisher in ("", each[0].party.code)]
    rows = [
        {
            "by": each[0].party.code,
            "source": each[0].envelope.source,
            "id": each[0].envelope.id,
            "contents": len(each),
            "last": iso(max(one.stored.append_us for one in each)),
            "remedy": _EQUIVOCATES,
        }
        for each in found[:limit]
    ]
    if as_json:
        print_json({"total": len(found), "equivocations": rows})
        return
    if rows:
        print_table(tuple(rows[0])[:-1], [tuple(row.values())[:-1] for row in rows])
    out.print(
        f"{len(rows):,} of {len(found):,} ids with several contents. {_EQUIVOCATES if rows else ''}".rstrip()
    )


@events.command()
def traced(
    trace: Annotated[str, typer.Argument(help="A trace id (32 hex digits), or a whole traceparent.")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many of each kind.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the accepted events and the dead letters of one trace."""
    wanted = _trace(trace)
    with session(CliSettings()) as connection:
        registry = store.read_snapshot(connection)
        identities = bodies.events_in(connection, wanted, limit)
        found = [reread(each, registry) for each in event_reader.events_by_id(connection, identities)]
        found = [each for each in found if trace_id(each.stored.headers) == wanted.hex()]
        dead_letters = dead_letter_store.find_by_trace(connection, wanted, limit)
    if as_json:
        rows = [{"digest": each.name, "state": each.state, "reason": each.reason} for each in dead_letters]
        print_json({"trace": wanted.hex(), "events": [_plain(each) for each in found], "letters": rows})
    else:
        for each in found:
            _line(each, False)
        for dead_letter in dead_letters:
            out.print(
                f"{iso(dead_letter.last.appended)} {dead_letter.publisher:<10} {dead_letter.state} {dead_letter.reason}: "
                f"lianyun dlq show {dead_letter.name[:12]}",
                markup=False,
            )
    if not found and not dead_letters:
        raise Failure(
            Exit.NOT_FOUND,
            f"nothing of the trace {wanted.hex()} is kept",
            "lianyun events tail; lianyun dlq list",
        )


@events.command()
def tail(
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", "-f", help="Go on as events arrive.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the latest at first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show the latest accepted events in the order in which they became visible."""
    if follow:
        _follow(ReconnectingSession(CliSettings()), limit, as_json)
    with session(CliSettings()) as connection:
        registry = store.read_snapshot(connection)
        position = event_reader.before_last(connection, limit)
        while True:
            stored, position = event_reader.tail(connection, position, 1_000)
            for each in stored:
                _line(reread(each, registry), as_json)
            if not stored:
                return


def _follow(session: ReconnectingSession, limit: int, as_json: bool) -> NoReturn:
    """Go on until Ctrl-C, also when the database goes away and comes back: each event is shown once."""
    position: Any = None
    away = False
    while True:

        def look(connection: Session, since: Any = position) -> tuple[list[Reread], Any]:
            registry = store.read_snapshot(connection)
            start = event_reader.before_last(connection, limit) if since is None else since
            stored, end = event_reader.tail(connection, start, 1_000)
            return [reread(each, registry) for each in stored], end

        found = session.read(look)
        if (session.problem != "") != away:
            away = not away
            notice = f"the database does not answer: {session.problem}; asking again"
            err.print(notice if away else "the database answers again", markup=False, soft_wrap=True)
        if found is not None:
            events, position = found
            for each in events:
                _line(each, as_json)
        if found is None or not found[0]:
            time.sleep(0.5)


def _trace(text: str) -> bytes:
    context = TraceContext.of(text.strip())
    try:
        wanted = bytes.fromhex(text) if context is None else context.trace
    except ValueError:
        wanted = b""
    if len(wanted) != 16:
        raise Failure(
            Exit.USAGE, "give a trace id of 32 hex digits, or a traceparent", "lianyun events traced --help"
        )
    return wanted


def _identity(text: str) -> bytes:
    try:
        wanted = bytes.fromhex(text)
    except ValueError:
        wanted = b""
    if len(wanted) != 16:
        raise Failure(
            Exit.USAGE, "give source and id, or an identity of 32 hex digits", "lianyun events show --help"
        )
    return wanted


def _line(event: Reread, as_json: bool) -> None:
    body = _plain(event)
    if as_json:
        typer.echo(json_text(body))
        return
    envelope = event.envelope
    out.print(
        f"{iso(event.stored.append_us)} {event.party.code:<10} {envelope.type:<40} {envelope.id}",
        markup=False,
    )


def _plain(event: Reread, fate: Fate | None = None) -> dict[str, Any]:
    """An event as plain values; with its ``fate`` also its outcome, and whether it reaches nobody yet."""
    stored, envelope = event.stored, event.envelope
    remarks = remarks_of(event.payload, envelope.published_micros)
    if fate is not None and fate.outcome is Outcome.PARKED:
        remarks = (*remarks, remark(UNREACHED, "", ""))
    return {
        **({} if fate is None else {"outcome": str(fate.outcome)}),
        "identity": stored.id.hex(),
        "source": envelope.source,
        "id": envelope.id,
        "type": envelope.type,
        "time": envelope.time,
        "subject": envelope.subject,
        "by": event.party.code,
        "key": stored.key_id,
        "origin": f"{stored.topic}[{stored.partition}]@{stored.offset}",
        "appended": iso(stored.append_us),
        "quarantined": stored.quarantined,
        "content": stored.content.hex(),
        "trace": trace_id(stored.headers),
        "quality_flags": dict(Counter(each.code for each in remarks)),
        "remarks": [each._asdict() for each in remarks],
        "payload": orjson.loads(stored.payload),
    }
