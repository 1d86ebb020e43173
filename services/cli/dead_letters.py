"""`lianyun dlq`: dead letters, their reasons, and what to do about each; every action is repeatable."""

from __future__ import annotations

import time
from typing import Annotated, Any

import psycopg
import typer
from kafka.errors import KafkaError

from schemas.reasons import Reason
from schemas.trace_context import trace_id
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import iso, out, print_json, print_table
from services.cli.settings import CliSettings
from services.ledger.dead_letters import recovery, store
from services.ledger.dead_letters.letter import DeadLetter, DeadLetterCut, LetterState
from services.ledger.dead_letters.service import (
    ActionOutcome,
    ActionResult,
    DeadLetterService,
    PostgresLedger,
)
from services.ledger.registry import store as registry
from services.processors.ledger_store import PROJECTIONS
from services.processors.log_reader import TopicDirectory
from services.processors.settings import admission_settings

dlq = typer.Typer(no_args_is_help=True, help="Dead letters: what was refused and why.")

Digests = Annotated[list[str], typer.Argument(help="Digests of letters, or the first digits of them.")]
By = Annotated[str, typer.Option(help="Who does this, for the record.")]


@dlq.command("list")
def list_(
    state: Annotated[LetterState, typer.Option(help="Which letters.")] = LetterState.OPEN,
    publisher: Annotated[str, typer.Option(help="Only this party's.")] = "",
    reason: Annotated[Reason | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the latest first."""
    with session(CliSettings()) as connection:
        party = registry.read_snapshot(connection).party(publisher) if publisher else None
        sources = frozenset() if party is None else party.sources
        query = store.LetterQuery(state, publisher or None, sources, reason, limit)
        found = store.list_letters(connection, query)
        total = store.count_letters(connection, query)
        tallies = store.tallies(connection)
        cuts = [
            cut
            for cut in store.cuts(connection)
            if publisher in ("", cut.publisher) and reason in (None, cut.reason)
        ]
    if as_json:
        print_json(
            {
                "total": total,
                "letters": [_plain(dead_letter) for dead_letter in found],
                "tallies": [_tally(t) for t in tallies],
                "cut": [_cut(cut) for cut in cuts],
            }
        )
        return
    rows = [
        (
            dead_letter.name[:12],
            dead_letter.count,
            dead_letter.publisher,
            dead_letter.reason,
            dead_letter.pointer,
            dead_letter.labels.get("event_id"),
            iso(dead_letter.last.appended),
        )
        for dead_letter in found
    ]
    print_table(("digest", "copies", "publisher", "reason", "where", "event id", "last seen"), rows)
    if not found:
        out.print(f"no {state.lower()} letters")
    elif len(found) < total:
        out.print(
            f"the latest {len(found):,} of {total:,} {state.lower()} letters; --limit {total} shows all"
        )
    else:
        out.print(f"{total:,} {state.lower()} letters")
    if cuts:
        print_table(
            ("refused, not stored", "publisher", "reason", "log", "from offset", "to offset", "last seen"),
            [
                (
                    c.messages,
                    c.publisher,
                    c.reason,
                    f"{c.topic}[{c.partition}]",
                    c.first_offset,
                    c.last_offset,
                    iso(c.last_append),
                )
                for c in cuts
            ],
        )


@dlq.command()
def show(
    digest: Annotated[str, typer.Argument(help="The digest or its first digits.")], as_json: AsJson = False
) -> None:
    """Show one letter with its headers, payload, origin and what has been done about it."""
    with session(CliSettings()) as connection:
        dead_letter = _one(connection, digest)
    if as_json:
        print_json(_plain(dead_letter, whole=True))
        return
    body = _plain(dead_letter, whole=True)
    print_table(("", ""), [(name, value) for name, value in body.items() if name != "outcomes"])
    print_table(
        ("at", "by", "action", "outcome", "detail"),
        [(iso(o.at), o.by, o.action, o.outcome, o.detail) for o in dead_letter.outcomes],
    )


@dlq.command()
def redrive(digests: Digests, by: By = "operator", as_json: AsJson = False) -> None:
    """Judge the unchanged bytes again, with their original append time, and accept them where they are good now."""
    _act(lambda service, digest: service.redrive(digest), digests, by, as_json)


@dlq.command()
def discard(
    digests: Digests,
    why: Annotated[str, typer.Option(help="Why they are not wanted, for the record.")],
    by: By = "operator",
    as_json: AsJson = False,
) -> None:
    """Decide that letters are not wanted; their bytes stay until retention takes them."""
    _act(lambda service, digest: service.discard(digest, why), digests, by, as_json)


@dlq.command()
def recover(
    publisher: Annotated[str, typer.Argument(help="Whose: as `lianyun dlq list` shows what was not stored.")],
    reason: Annotated[Reason | None, typer.Option(help="Only these.")] = None,
    by: By = "operator",
    as_json: AsJson = False,
) -> None:
    """Judge again, straight from the log, what was refused beyond the bound on letters; accept what is good now."""
    settings = CliSettings()
    results = []
    with session(settings) as connection:
        cuts = [c for c in store.cuts(connection) if c.publisher == publisher and reason in (None, c.reason)]
        connection.commit()
        connection.autocommit = True
        service = _service(connection, settings, by)
        directory = TopicDirectory(settings.kafka_connection())
        try:
            ids = directory.topic_ids({cut.topic for cut in cuts})
            for cut in cuts:
                same = cut.topic in ids and cut.topic_id in ("", ids[cut.topic])
                came = (
                    recovery.recover(service, settings.kafka_connection(), cut)
                    if same
                    else {recovery.GONE: cut.messages}
                )
                results.append((cut, came))
        except KafkaError as problem:
            raise Failure(
                Exit.UNREACHABLE, f"the broker does not answer: {problem}", "lianyun doctor"
            ) from None
        finally:
            directory.close()
            connection.autocommit = False
    if not cuts:
        raise Failure(Exit.NOT_FOUND, f"nothing of {publisher!r} was left out", "lianyun dlq list")
    if as_json:
        print_json({"results": [{**_cut(cut), "outcomes": came} for cut, came in results]})
        return
    print_table(
        ("log", "from offset", "to offset", "reason", "outcomes"),
        [
            (
                f"{c.topic}[{c.partition}]",
                c.first_offset,
                c.last_offset,
                c.reason,
                ", ".join(f"{n} {o}" for o, n in came.items()),
            )
            for c, came in results
        ],
    )


def _service(connection: psycopg.Connection[Any], settings: CliSettings, by: str) -> DeadLetterService:
    return DeadLetterService(
        connection,
        PostgresLedger(PROJECTIONS),
        admission_settings(settings.network),
        by,
        time.time_ns() // 1_000,
    )


def _act(action: Any, digests: list[str], by: str, as_json: bool) -> None:
    settings = CliSettings()
    with session(settings) as connection:
        names = [(digest, _one(connection, digest).digest) for digest in digests]
        connection.commit()
        connection.autocommit = True
        service = _service(connection, settings, by)
        results: list[ActionResult] = [action(service, digest) for _, digest in names]
        connection.autocommit = False
    if as_json:
        print_json(
            {
                "results": [
                    {"digest": r.digest.hex(), "outcome": r.outcome.value, "detail": r.detail}
                    for r in results
                ]
            }
        )
    else:
        print_table(
            ("digest", "outcome", "detail"), [(r.digest.hex()[:12], r.outcome, r.detail) for r in results]
        )
    if any(
        result.outcome in (ActionOutcome.STILL_REFUSED, ActionOutcome.FAILED, ActionOutcome.NOT_KEPT_WHOLE)
        for result in results
    ):
        raise typer.Exit(Exit.FAILED)


def _one(connection: psycopg.Connection[Any], prefix: str) -> DeadLetter:
    found = store.find_by_prefix(connection, prefix.lower())
    if not found:
        raise Failure(Exit.NOT_FOUND, f"there is no letter {prefix}", "lianyun dlq list")
    if len(found) > 1:
        raise Failure(Exit.USAGE, f"{prefix} is the start of {len(found)} letters", "give more digits")
    return found[0]


def _tally(tally: store.LetterTally) -> dict[str, Any]:
    return {
        "publisher": tally.publisher,
        "reason": str(tally.reason),
        "state": str(tally.state),
        "letters": tally.letters,
        "copies": tally.copies,
    }


def _cut(cut: DeadLetterCut) -> dict[str, Any]:
    return {
        "messages": cut.messages,
        "publisher": cut.publisher,
        "reason": str(cut.reason),
        "topic": cut.topic,
        "partition": cut.partition,
        "first_offset": cut.first_offset,
        "last_offset": cut.last_offset,
        "first_append": iso(cut.first_append),
        "last_append": iso(cut.last_append),
        "digest": cut.digest.hex(),
    }


def _plain(dead_letter: DeadLetter, whole: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "digest": dead_letter.name,
        "state": str(dead_letter.state),
        "publisher": dead_letter.publisher,
        "source": dead_letter.labels.get("event_source"),
        "id": dead_letter.labels.get("event_id"),
        "type": dead_letter.labels.get("event_type"),
        "reason": str(dead_letter.reason),
        "detail": dead_letter.detail,
        "pointer": dead_letter.pointer,
        "remedy": dead_letter.remedy,
        "copies": dead_letter.count,
        "first": _origin(dead_letter.first),
        "last": _origin(dead_letter.last),
    }
    if whole:
        shown["truncated"] = dead_letter.truncated
        shown["bytes"] = dead_letter.value_bytes
        headers, value = dead_letter.message_headers, dead_letter.value
        shown["trace"] = trace_id(headers)
        shown["headers"] = {
            name: None if held is None else held.decode("utf-8", "backslashreplace") for name, held in headers
        }
        shown["payload"] = None if value is None else value.decode("utf-8", "backslashreplace")
        shown["outcomes"] = [
            {"at": iso(o.at), "by": o.by, "action": o.action, "outcome": o.outcome, "detail": o.detail}
            for o in dead_letter.outcomes
        ]
    return shown


def _origin(origin: Any) -> str:
    return f"{origin.topic}[{origin.partition}]@{origin.offset} {iso(origin.appended)}"
