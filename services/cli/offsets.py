"""`lianyun offsets`: how far the log has been applied, and going on where the log has lost what comes next."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.output import out, print_json, print_table
from services.cli.settings import CliSettings
from services.processors.topic_directory import TopicDirectory
from services.storage.loss import accept_loss as accept

offsets = typer.Typer(no_args_is_help=True, help="The ledger of the log.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_LEDGER = (
    "SELECT topic, part, next_offset, epoch, owner, topic_id FROM lianyun.kafka_offset ORDER BY topic, part"
)


@offsets.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every partition with the next offset to apply and who may apply it."""
    with session(CliSettings()) as connection:
        rows = connection.execute(_LEDGER).fetchall()
    names = ("topic", "partition", "next_offset", "epoch", "owner", "topic_id")
    if as_json:
        print_json({"partitions": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    print_table(names[:5], [row[:5] for row in rows])


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
    directory = TopicDirectory(settings.kafka_connection())
    try:
        topic_id = directory.topic_ids([topic]).get(topic)
    finally:
        directory.close()
    if topic_id is None:
        raise Failure(Exit.UNREACHABLE, f"the broker does not tell of topic {topic}", "lianyun doctor")
    with session(settings) as connection:
        recorded = accept(connection, topic, partition, next_offset, topic_id, by, why)
    if recorded is None:
        raise Failure(Exit.NOT_FOUND, f"the ledger never read {topic}[{partition}]", "lianyun offsets list")
    if as_json:
        print_json(recorded)
        return
    out.print(f"{topic}[{partition}] goes on at {next_offset} instead of {recorded['was']}; recorded")
