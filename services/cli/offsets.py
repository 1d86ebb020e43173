"""`lianyun offsets`: the applied offsets of the log, and recovery after a lost or replaced log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from kafka.errors import KafkaError
from psycopg import Connection

from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import out, print_json, print_table
from services.cli.settings import CliSettings
from services.ledger.storage.claims import LOG_REDRIVEN, LOSS_ACCEPTED, move_partition
from services.ledger.storage.ledger_protocol import Claim, Mark, PartitionId
from services.processors.log_divergence import Divergence, compare
from services.processors.log_reader import LogReader, TopicDirectory

offsets = typer.Typer(no_args_is_help=True, help="The ledger of the log.")

_LEDGER = """
SELECT topic, part, next_offset, epoch, owner, stopped, topic_id, last_offset, encode(last_digest, 'hex'), last_leader_epoch,
       stopped_detail, stopped_at
FROM lianyun.kafka_offset ORDER BY topic, part
"""
_ROW = """
SELECT next_offset, epoch, topic_id, last_offset, last_digest, last_leader_epoch, stopped
FROM lianyun.kafka_offset WHERE topic = %s AND part = %s
"""
_NAMES = (
    "topic",
    "partition",
    "next_offset",
    "epoch",
    "owner",
    "stopped",
    "topic_id",
    "last_offset",
    "last_digest",
    "last_leader_epoch",
    "stopped_detail",
    "stopped_at",
)


@offsets.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every partition with the next offset to apply, who may apply it, and what stopped it if an operator must decide."""
    with session(CliSettings()) as connection:
        rows = connection.execute(_LEDGER).fetchall()
    if as_json:
        plain = [dict(zip(_NAMES, row, strict=True)) for row in rows]
        for row in plain:
            row["stopped_at"] = row["stopped_at"] and row["stopped_at"].isoformat()
        print_json({"partitions": plain})
        return
    print_table(_NAMES[:6], [(*row[:5], row[5] or "") for row in rows])


@offsets.command("accept-loss")
def accept_loss(
    topic: Annotated[str, typer.Argument(help="The topic.")],
    partition: Annotated[int, typer.Argument(min=0, help="The partition.")],
    next_offset: Annotated[int, typer.Option("--next", min=0, help="The offset at which to go on.")],
    why: Annotated[str, typer.Option(help="Why the loss is accepted, for the record.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it nothing is changed.")] = False,
    by: Annotated[str, typer.Option(help="Who decides, for the record.")] = "operator",
    as_json: AsJson = False,
) -> None:
    """Let a stopped partition go on past what the log no longer has; the gap is recorded as a platform event."""
    settings = CliSettings()
    if not yes:
        raise Failure(
            Exit.USAGE,
            f"events of {topic}[{partition}] before offset {next_offset} that were not applied are given up",
            "repeat the command with --yes",
        )
    topic_id = _topic_id(settings, topic)
    where = PartitionId(topic, partition)
    with session(settings) as connection, _log(settings) as log:
        _claim(connection, where)
        last = log.mark(where, next_offset - 1)
        recorded = move_partition(
            connection, LOSS_ACCEPTED, topic, partition, next_offset, topic_id, by, why, last
        )
    if recorded is None:
        raise Failure(Exit.NOT_FOUND, f"the ledger never read {topic}[{partition}]", "lianyun offsets list")
    if as_json:
        print_json(recorded)
        return
    out.print(f"{topic}[{partition}] goes on at {next_offset} instead of {recorded['was']}; recorded")


@offsets.command("redrive")
def redrive(
    topic: Annotated[str, typer.Argument(help="The topic.")],
    partition: Annotated[int, typer.Argument(min=0, help="The partition.")],
    why: Annotated[str, typer.Option(help="Why the log is applied again, for the record.")],
    start: Annotated[
        int | None, typer.Option("--from", min=0, help="The offset to go back to, instead of the one found.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it nothing is changed.")] = False,
    by: Annotated[str, typer.Option(help="Who decides, for the record.")] = "operator",
    as_json: AsJson = False,
) -> None:
    """Apply what a log has in the place of what was read from it: after a lost tail, a restored volume, a mirror.

    The log is compared with what was accepted, record by record, and the partition goes back to where they part; workers
    then apply it from there. What was applied before is recognised and not applied twice. Also ends the stop of a log that is
    whole again. What was acknowledged, was never applied and is in no log any more is not found here: its publishers have it.
    """
    settings = CliSettings()
    where = PartitionId(topic, partition)
    topic_id = _topic_id(settings, topic)
    with _log(settings) as log:
        with session(settings) as connection:
            claim = _claim(connection, where)
            found = compare(connection, log, claim)
        back = found.redrive if start is None else start
        if found.differs is None and start is None:
            back = min(claim.next_offset, found.end)
        _check(claim, found, back)
        last = log.mark(where, back - 1)
    summary = _summary(claim, found, back)
    if not yes:
        raise Failure(Exit.USAGE, "; ".join(summary), "repeat the command with --yes")
    with session(settings) as connection:
        move_partition(connection, LOG_REDRIVEN, topic, partition, back, topic_id, by, why, last)
    if as_json:
        plain = {name: getattr(found, name) for name in Divergence.__slots__}
        print_json({"topic": topic, "partition": partition, "was": claim.next_offset, "next": back, **plain})
        return
    for line in summary:
        out.print(line, markup=False)
    out.print(f"{_name(where)} goes on at {back} instead of {claim.next_offset}; recorded", markup=False)


def _claim(connection: Connection[Any], where: PartitionId) -> Claim:
    row = connection.execute(_ROW, where).fetchone()
    if row is None:
        raise Failure(Exit.NOT_FOUND, f"the ledger never read {_name(where)}", "lianyun offsets list")
    next_offset, epoch, topic_id, last, digest, leader, stopped = row
    mark = Mark(last, digest, leader) if last == next_offset - 1 and digest is not None else None
    return Claim(where, next_offset, epoch, topic_id, mark, stopped)


def _check(claim: Claim, found: Divergence, back: int) -> None:
    if found.begin <= back <= min(claim.next_offset, found.end):
        return
    last = min(claim.next_offset, found.end)
    if found.begin > last:
        problem = f"the log starts at {found.begin}, beyond the ledger's {claim.next_offset}: nothing can be applied again"
    else:
        problem = f"offset {back} is not between {found.begin} and {last}, where log and ledger overlap"
    raise Failure(Exit.USAGE, problem, "lianyun offsets accept-loss --help")


def _summary(claim: Claim, found: Divergence, back: int) -> list[str]:
    name = _name(claim.partition)
    if found.differs is None and not found.same:
        first = f"{name} has nothing any more that was accepted from it: nothing shows whether it is the log that was read"
    elif found.differs is None:
        first = f"{name} has all {found.same} records that were accepted from offset {found.begin} on and are to be found"
    else:
        first = (
            f"{name} is another log from offset {found.differs} on: {found.gone} records were applied from there that it has no "
            f"more, and {found.other} of its records before offset {claim.next_offset} were not accepted from there"
        )
    again = (
        f"from offset {back} to {found.end} the log is applied again; what was applied before is recognised"
    )
    lost = (
        f"what the broker acknowledged beyond offset {claim.next_offset} before it lost it was never applied, is in no log any more "
        "and cannot be counted here: have the publishers of this topic publish again"
    )
    return [first, again] if found.differs is None else [first, again, lost]


def _topic_id(settings: CliSettings, topic: str) -> str:
    directory = TopicDirectory(settings.kafka_connection())
    try:
        topic_id = directory.topic_ids([topic]).get(topic)
    finally:
        directory.close()
    if topic_id is None:
        raise Failure(Exit.UNREACHABLE, f"the broker does not tell of topic {topic}", "lianyun doctor")
    return topic_id


@contextmanager
def _log(settings: CliSettings) -> Iterator[LogReader]:
    try:
        yield LogReader(settings.kafka_connection())
    except KafkaError as error:
        raise Failure(Exit.UNREACHABLE, f"the log cannot be read: {error}", "lianyun doctor") from None


def _name(where: PartitionId) -> str:
    return f"{where.topic}[{where.partition}]"
