"""The table of commands: each is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from services.cli.exits import Exit, Failure
from services.runtime.process import imports_without_gc


def part(module: str) -> ModuleType:
    """Import ``services.<module>``; Failure where it belongs to the testbed and this installation has none."""
    try:
        return importlib.import_module(f"services.{module}")
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("services.testbed"):
            raise
        raise Failure(
            Exit.FAILED,
            "this installation holds no testbed: deployment images are made without it",
            "run it in a working copy (make setup), or in the image built with --target testbed",
        ) from None


@dataclass(frozen=True, slots=True)
class Listed:
    """A command (a function) or a group of commands (a Typer): its module under ``services``, its name there, its help.

    ``help`` is what the list of commands shows; a test holds it equal to the command's own first line.
    """

    module: str
    attribute: str
    help: str

    def load(self, name: str) -> Any:
        """Import the command and return it as ``name``."""
        with imports_without_gc():
            found = getattr(part(self.module), self.attribute)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
            command.name = name
            return command
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        return typer.main.get_command(alone)


COMMANDS: Mapping[str, Listed] = {
    "publish": Listed(
        "cli.publish",
        "publish",
        "Sign the records of PATHS and publish them through a durable spool; repeating it repeats nothing.",
    ),
    "convert": Listed(
        "cli.convert",
        "convert",
        "Show what PATHS say: which header was taken for what, and per record its event or why there is none.",
    ),
    "declare": Listed("cli.declare", "app", "Declarations and the papers behind them."),
    "track": Listed(
        "cli.track", "track", "Show where a consignment is, what holds it, and who said what and how sure."
    ),
    "arrival": Listed(
        "cli.arrival",
        "arrival",
        "Show when a consignment arrives, as an interval that holds it four times in five, and by which legs.",
    ),
    "transparency": Listed(
        "cli.transparency",
        "app",
        "The log over everything that was accepted, which partners cosign.",
    ),
    "verify": Listed(
        "cli.receipts",
        "verify",
        "Verify a receipt or bundle offline: that the log holds it, that the witnesses of the policy saw it, and what it says.",
    ),
    "witness": Listed("cli.witness", "app", "A witness of the transparency log, run by a partner."),
    "exchange": Listed(
        "cli.document_exchange",
        "app",
        "Documents to other platforms and back: directory, sending, answering, export.",
    ),
    "statistics": Listed(
        "cli.statistics",
        "app",
        "Trade and finance by corridor and month: publish what is due, and derive again what was published.",
    ),
    "find": Listed(
        "cli.find",
        "find",
        "Find consignments by any identifier: also half-typed, misspelt by one character or pasted with blanks.",
    ),
    "cases": Listed(
        "cli.cases",
        "app",
        "Trouble that somebody has to look at: what there is, whose it is, and what was done about it.",
    ),
    "top": Listed(
        "cli.top",
        "top",
        "Show the border board live: trains due, queued and handed over, boxes ready and what keeps the others, cases, health.",
    ),
    "handover": Listed(
        "cli.handover",
        "handover",
        "Show what was announced, delivered and received of a train, and name each box that is not on every list.",
    ),
    "shift": Listed("cli.shift", "app", "What one shift hands over to the next."),
    "bank": Listed(
        "cli.bank",
        "app",
        "What a bank asks and does: through the API, with the bank's own client key.",
    ),
    "document": Listed(
        "cli.documents",
        "app",
        "Transport documents over consignments: draft, sign, issue, pass on, pledge and surrender the one original.",
    ),
    "shipper": Listed(
        "cli.shippers",
        "app",
        "Read a shipper's credit signals as somebody with consent, and evaluate the scorer.",
    ),
    "fsck": Listed(
        "cli.audit",
        "fsck",
        "Recompute signatures, identities, admission, claims, links, heads and offsets, verify registers and logs; exit 1 with damage.",
    ),
    "doctor": Listed(
        "cli.doctor",
        "doctor",
        "Check what a platform needs: machine, disk, clock, broker, topics, database, workers, keys. Exit 3 on a finding.",
    ),
    "up": Listed(
        "testbed.commands.up",
        "up",
        "Run broker, database, workers, API and pages here until Ctrl-C; data stays in .lianyun/ for the next time.",
    ),
    "worker": Listed(
        "cli.processes", "worker", "Run one worker in this process, settings from LIANYUN_* variables."
    ),
    "exporter": Listed(
        "cli.processes",
        "exporter",
        "Show what the database says as metrics, in this terminal until Ctrl-C; settings from LIANYUN_* variables.",
    ),
    "alerts": Listed("cli.alerts", "app", "How alerts reach people."),
    "dashboards": Listed("cli.dashboards", "app", "Grafana's dashboards, made from code."),
    "api": Listed("cli.api", "app", "The HTTP API for banks and partners."),
    "pages": Listed("cli.pages", "app", "The pages for people: tracking, share links, console."),
    "share": Listed("cli.share", "app", "Links by which a consignment is shown to whoever holds them."),
    "notifications": Listed(
        "cli.notifications", "app", "Notices to subscribers of a consignment, by mail and in feeds."
    ),
    "webhooks": Listed("cli.webhooks", "app", "Messages to parties about what changed."),
    "access-log": Listed(
        "cli.access_log", "app", "Sealed lines of the access log, shown to two named people together."
    ),
    "demo": Listed(
        "testbed.commands.demo",
        "demo",
        "Run a simulated corridor through real publishers, Kafka, workers and Postgres, and check the outcome.",
    ),
    "prove": Listed(
        "testbed.commands.proofs",
        "prove",
        "Kill and freeze what runs, then compare journal, events and views with the world's truth; exit 1 if anything is wrong.",
    ),
    "replay": Listed(
        "cli.audit",
        "replay",
        "Rebuild the state from all stored events while workers go on, compare it with the one in use, and switch.",
    ),
    "simulate": Listed(
        "testbed.commands.simulate",
        "simulate",
        "Write what simulated parties would publish: native JSON lines, in the order of publication.",
    ),
    "events": Listed("cli.events", "events", "Single events."),
    "registry": Listed(
        "cli.registry", "app", "Changes of the registry that two administrators sign, under a root key."
    ),
    "party": Listed("cli.parties", "party", "The parties of the network."),
    "partner": Listed(
        "cli.partners", "app", "New partners: what the platform makes, and the folder they get."
    ),
    "people": Listed("cli.people", "app", "People who sign in to the console: party, teams and permissions."),
    "key": Listed("cli.keys", "key", "Signing keys of parties."),
    "conformance": Listed(
        "cli.conformance",
        "conformance",
        "Take a partner's publisher through the cases of the sandbox: what is right, what is wrong and where, what was not tried.",
    ),
    "dlq": Listed("cli.dead_letters", "dlq", "Dead letters: what was refused and why."),
    "topics": Listed(
        "cli.topics", "topics", "The declared topics, compared with a broker and applied to it."
    ),
    "secrets": Listed(
        "cli.secrets", "secrets", "Certificates and passwords of a secured deployment, as files."
    ),
    "db": Listed("cli.database_upkeep", "db", "The database."),
    "bench": Listed("testbed.commands.proofs", "bench", "Measure this machine."),
    "capacity": Listed(
        "cli.capacity",
        "capacity",
        "Compute partitions, workers, cores and disk from trains a year, by what an event was measured to cost.",
    ),
    "offsets": Listed("cli.offsets", "offsets", "The ledger of the log."),
}


class Commands(TyperGroup):
    """The group of all commands: lists every one, and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the help."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what the list of commands shows of one: its name and its help."""
        listed = COMMANDS.get(cmd_name)
        if listed is None:
            return super().get_command(ctx, cmd_name)
        return TyperCommand(cmd_name, help=listed.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command to be run, imported."""
        self.commands = {**{name: self.get_command(ctx, name) for name in COMMANDS}, **self.commands}
        name, command, rest = super().resolve_command(ctx, args)
        listed = COMMANDS.get(name or "")
        return name, command if listed is None else listed.load(str(name)), rest
