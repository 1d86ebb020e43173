"""`lianyun cases`: trouble that somebody has to look at: what there is, whose it is, and what was done about it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from services.cases.domain.causes import CaseKind
from services.cases.domain.lifecycle import Ask, Closing, Desk, Refused, StepKind
from services.cases.store import follower, overview, projector
from services.cases.store.case_service import CaseDesk, NoSuchCase
from services.cases.store.overview import Ambiguous, Wanted
from services.cli.case_output import plain_case, plain_step, plain_whole, show_list, show_whole
from services.cli.database import dsn_of, session
from services.cli.exits import Exit, Failure
from services.cli.output import out, print_json
from services.cli.settings import CliSettings
from services.cli.times import micros, now
from services.financing.store.keys import KeysMissing
from services.ledger.registry import store as registry_store
from services.ledger.storage.session import Session, open_session
from services.telemetry.logs import configure

app = typer.Typer(
    help="Trouble that somebody has to look at: what there is, whose it is, and what was done about it.",
    no_args_is_help=True,
)
_DESK = re.compile(r"[a-z0-9][a-z0-9-]{1,39}/[0-9A-Za-z][0-9A-Za-z_.-]{0,31}")
CaseArgument = Annotated[str, typer.Argument(help="The case: the first digits of its id, at least four.")]
By = Annotated[
    str,
    typer.Option(
        "--by",
        envvar="LIANYUN_DESK",
        help="Your desk: PARTY/DESK, as ktz/dostyk-shift. Never a person's name.",
    ),
]
Keys = Annotated[
    Path,
    typer.Option("--keys", envvar="LIANYUN_FINANCING_KEYS", help="The file of the platform's own keys."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
DEFAULT_KEYS = Path(".lianyun") / "financing-keys.json"
MOST = 200
"""Characters of a note or reason."""


@app.command("list")
def list_cases(
    crossing: Annotated[str | None, typer.Option(help="At this crossing: alashankou-dostyk.")] = None,
    kind: Annotated[CaseKind | None, typer.Option(help="Of this kind.")] = None,
    owner: Annotated[str | None, typer.Option(help="Owned by this desk (PARTY/DESK).")] = None,
    unowned: Annotated[bool, typer.Option("--unowned", help="That nobody owns.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the cases, those first in which somebody has to act first."""
    desk = None if owner is None else desk_named(owner, "--owner")
    wanted = Wanted(crossing, kind, desk, unowned, everything, limit=limit + 1)
    with session(CliSettings()) as connection:
        found = overview.listed(connection, wanted)
    at, more = now(), len(found) > limit
    if as_json:
        print_json({"cases": [plain_case(case, at) for case in found[:limit]], "more": more})
        return
    show_list(found[:limit], at)
    if more:
        out.print(f"more than {limit}; see them with --limit", markup=False)


@app.command()
def show(case: CaseArgument, as_json: AsJson = False) -> None:
    """Show one case: why it is there, on which events it rests, and every step taken."""
    with session(CliSettings()) as connection:
        found = overview.whole(connection, _found(connection, case))
        events = {event for step in found.steps for event in step.evidence}
        events |= set() if found.cause is None else {*found.cause.events}
        told = plain_whole(found, now(), overview.events_named(connection, events))
    if as_json:
        print_json({"case": told})
    else:
        show_whole(told)


@app.command()
def ack(case: CaseArgument, by: By, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Take a case that nobody owns: from now on it is yours."""
    _take(case, Ask(StepKind.ACKNOWLEDGED, desk_named(by, "--by")), keys, as_json)


@app.command()
def assign(
    case: CaseArgument,
    to: Annotated[str, typer.Argument(help="The desk that gets it: PARTY/DESK.")],
    by: By,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Give a case to a desk: your own case, or one that nobody owns."""
    ask = Ask(StepKind.ASSIGNED, desk_named(by, "--by"), to=desk_named(to, "TO"))
    _take(case, ask, keys, as_json)


@app.command()
def snooze(
    case: CaseArgument,
    until: Annotated[str, typer.Option(help="Until then (RFC 3339).")],
    reason: Annotated[str, typer.Option(help="Why it can wait.")],
    by: By,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Put your case off until a moment, for a reason; it comes back by itself."""
    ask = Ask(
        StepKind.SNOOZED,
        desk_named(by, "--by"),
        until=micros(until, "--until"),
        reason=_text(reason, "--reason"),
    )
    _take(case, ask, keys, as_json)


@app.command()
def note(
    case: CaseArgument,
    text: Annotated[str, typer.Argument(help="What the next one has to know; never about a person.")],
    by: By,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Put a note to a case, whoever owns it."""
    _take(case, Ask(StepKind.NOTED, desk_named(by, "--by"), text=_text(text, "TEXT")), keys, as_json)


@app.command()
def close(
    case: CaseArgument,
    by: By,
    reason: Annotated[Closing, typer.Option(help="How it ended.")] = Closing.RESOLVED,
    text: Annotated[str, typer.Option("--note", help="What the next one has to know.")] = "",
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Close your case; it opens again by itself when its cause has been gone and comes back."""
    said = _text(text, "--note") if text else ""
    _take(case, Ask(StepKind.CLOSED, desk_named(by, "--by"), reason=str(reason), text=said), keys, as_json)


@app.command()
def follow(
    keep_on: Annotated[
        bool,
        typer.Option(
            "--keep-on",
            help="Go on until Ctrl-C or SIGTERM, with health and metrics on LIANYUN_CASES_METRICS_PORT.",
        ),
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget the causes and find them again from the first event on.")
    ] = False,
    at: Annotated[
        str, typer.Option(help="Causes as of that moment (RFC 3339), for a simulated world; now by default.")
    ] = "",
    keys: Keys = DEFAULT_KEYS,
) -> None:
    """Open, reopen and close cases by rule, as of all events that have been accepted by now."""
    settings = CliSettings()
    desk, moment = _desk(settings, keys), micros(at, "--at") if at else None
    opened = open_session(dsn_of(settings), "lianyun-cli")
    opened.autocommit = True
    with opened:
        if anew:
            projector.forget(opened)
        if not keep_on:
            done = projector.catch_up(opened, desk, 2_000, moment)
            steps = sum(len(each.steps) for each in done)
            out.print(
                f"followed {sum(each.events for each in done)} events; {steps} steps taken", markup=False
            )
    if keep_on:
        os.environ.setdefault("LIANYUN_FINANCING_KEYS", str(keys))
        beside = follower.CasesSettings(dsn=settings.dsn, network=settings.network)
        configure(beside.log_format, beside.log_level)
        follower.run(beside)


def desk_named(text: str, option: str) -> Desk:
    """The desk that ``text`` names; Failure where it has not the form of one."""
    if not _DESK.fullmatch(text):
        raise Failure(
            Exit.USAGE, f"{option}: {text!r} names no desk", "write PARTY/DESK, as ktz/dostyk-shift"
        )
    party, _, desk = text.partition("/")
    return Desk(party, desk)


def _text(text: str, option: str) -> str:
    if not text.strip() or len(text) > MOST or not text.isprintable():
        raise Failure(
            Exit.USAGE,
            f"{option} is empty, longer than {MOST} characters or not one line",
            "say it in one line",
        )
    return text


def _desk(settings: CliSettings, keys: Path) -> CaseDesk:
    try:
        return CaseDesk(follower.signer_of(settings.network, keys))
    except KeysMissing as problem:
        raise Failure(
            Exit.FAILED, str(problem), "name the file with --keys, or make it with: lianyun bank prepare"
        ) from None


def _found(connection: Session, text: str) -> bytes:
    try:
        return overview.find(connection, text)
    except NoSuchCase:
        raise Failure(
            Exit.NOT_FOUND, f"there is no case {text!r}", "lianyun cases list --all shows all of them"
        ) from None
    except Ambiguous:
        raise Failure(
            Exit.USAGE, f"several cases begin with {text!r}", "give more digits: lianyun cases list --json"
        ) from None


def _take(text: str, ask: Ask, keys: Path, as_json: bool) -> None:
    settings = CliSettings()
    desk = _desk(settings, keys)
    with session(settings) as connection:
        known = registry_store.read_snapshot(connection)
        for each in filter(None, (ask.by, ask.to)):
            if known.party(each.party) is None:
                raise Failure(
                    Exit.USAGE,
                    f"no party is registered as {each.party!r}",
                    "lianyun party list shows the parties",
                )
        case = _found(connection, text)
        step = desk.ask(connection, case, ask)
        if isinstance(step, Refused):
            raise Failure(Exit.FAILED, step.problem, step.remedy)
        shown = overview.listed(connection, Wanted(cases=[case]))[0]
    at = now()
    if as_json:
        print_json({"step": None if step is None else plain_step(step), "case": plain_case(shown, at)})
        return
    done = "nothing was to be done" if step is None else f"step {step.number}: {step.kind}"
    owner = shown.life.owner or "nobody"
    out.print(f"case {shown.short} {shown.status(at)}, owned by {owner} ({done})", markup=False)
