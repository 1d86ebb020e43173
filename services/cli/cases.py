"""`lianyun cases`: the cases at borders, their owners, evidence and steps."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas import railnet
from services.cases.domain.causes import HOUR, CaseKind
from services.cases.domain.lifecycle import Closing, Refused, Step, StepKind, StepRequest, Team
from services.cases.store import follower, overview, projector
from services.cases.store.case_service import CaseService, NoSuchCase
from services.cases.store.overview import Ambiguous, Listed, Wanted, Whole
from services.cli.database import dsn_of, session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros, now
from services.cli.output import iso, out, print_json, print_table
from services.cli.settings import CliSettings
from services.domain.facts import Micros
from services.financing.store.keys import KeysMissing
from services.ledger.registry import store as registry_store
from services.ledger.storage.session import Session, open_session
from services.query.view_json import place_name
from services.telemetry.logs import configure

_NO_BORDER = "-"


def plain_case(case: Listed, at: Micros) -> dict[str, Any]:
    """A case of a list as JSON-ready data."""
    life = case.life
    return {
        "case": case.id.hex(),
        "kind": str(case.kind),
        "what": case.what,
        "about": str(case.about),
        "jurisdiction": case.jurisdiction,
        "place": case.place,
        "place_name": place_name(case.place),
        "occurrence": case.occurrence,
        "crossing": case.crossing or None,
        "status": str(case.status(at)),
        "cause_stands": case.stands,
        "owner": None if life.owner is None else str(life.owner),
        "snoozed_until": None if life.snoozed_until is None else iso(life.snoozed_until),
        "acts": None if case.acts is None else str(case.acts),
        "since": iso(case.since),
        "due": iso(case.due),
        "opened": iso(life.opened),
        "last_step": iso(life.at),
        "closed_as": life.reason or None,
    }


def plain_whole(whole: Whole, at: Micros, events: dict[bytes, tuple[str, str]]) -> dict[str, Any]:
    """All of one case as JSON-ready data; ``events`` are the names of those that it rests on."""
    cause = whole.cause
    return {
        **plain_case(whole.listed, at),
        "missing": [] if cause is None else sorted(cause.missing),
        "surplus": [] if cause is None else sorted(cause.surplus),
        "consignments": len(whole.consignments),
        "normal_hours": None if cause is None or not cause.normal else cause.normal // HOUR,
        "evidence": [
            {"event": event.hex(), **_named(events.get(event))}
            for event in (whole.steps[0].evidence if cause is None else cause.events)
        ],
        "steps": [plain_step(step) for step in whole.steps],
    }


def plain_step(step: Step) -> dict[str, Any]:
    """A step as JSON-ready data."""
    body: dict[str, Any] = {
        "number": step.number,
        "step": str(step.kind),
        "at": iso(step.at),
        "by": _team(step.by),
        "to": _team(step.to),
        "until": None if step.until is None else iso(step.until),
        "reason": step.reason or None,
        "note": step.text or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def show_list(cases: list[Listed], at: Micros) -> None:
    """A table, the case first that is due first."""
    columns = ("case", "status", "kind", "what", "about", "where", "since", "due", "owner")
    print_table(columns, [_row(case, at) for case in cases])


def _row(case: Listed, at: Micros) -> tuple[object, ...]:
    late = " LATE" if case.due < at and not case.life.closed else ""
    gone = "" if case.stands or case.life.closed else " (cause gone)"
    return (
        case.short,
        f"{case.status(at)}{gone}",
        case.kind,
        case.what,
        case.about,
        crossing_name(case.crossing) if case.crossing else place_name(case.place),
        iso(case.since),
        iso(case.due) + late,
        case.life.owner or "",
    )


def show_whole(body: dict[str, Any]) -> None:
    """One case with its evidence and steps."""
    out.print(
        f"case {body['case'][:8]}  {body['kind']} {body['what']}  {body['about']}  {body['status']}",
        markup=False,
    )
    where = body["place_name"] or _NO_BORDER
    out.print(f"  where      {where}  crossing {body['crossing'] or _NO_BORDER}", markup=False)
    out.print(f"  since      {body['since']}, somebody has to have acted by {body['due']}", markup=False)
    stands = "stands" if body["cause_stands"] else "is gone"
    out.print(f"  cause      {stands}; shown by {body['consignments']} consignments", markup=False)
    if body["normal_hours"]:
        out.print(
            f"  silent     {body['what']}, {body['occurrence'] or 'leg unknown'}; no news for {body['normal_hours']} h is normal",
            markup=False,
        )
    out.print(f"  owner      {body['owner'] or 'nobody'}", markup=False)
    if body["snoozed_until"]:
        out.print(f"  snoozed    until {body['snoozed_until']}", markup=False)
    for name in ("missing", "surplus"):
        if body[name]:
            out.print(f"  {name:<10} {', '.join(body[name])}", markup=False)
    for event in body["evidence"]:
        name = f"{event['source']} {event['id']}" if event["source"] else event["event"]
        out.print(f"  rests on   {name}", markup=False)
    rows = [
        (
            step["at"],
            step["step"],
            step.get("by", "the platform"),
            " ".join(str(step[name]) for name in ("to", "until", "reason", "note") if name in step),
        )
        for step in body["steps"]
    ]
    print_table(("at", "step", "by", ""), rows)


def crossing_name(crossing: str, language: str = "en") -> str:
    """A crossing by the names of its two stations."""
    known = railnet.crossings().get(crossing)
    if known is None:
        return crossing or _NO_BORDER
    stations = railnet.stations()
    return "–".join(stations[side.station].names.best(language) for side in (known.a, known.b))


def _named(event: tuple[str, str] | None) -> dict[str, str]:
    source, id_ = event or ("", "")
    return {"source": source, "id": id_}


def _team(team: Team | None) -> str | None:
    return None if team is None else str(team)


app = typer.Typer(
    help="Trouble that somebody has to look at: what there is, whose it is, and what was done about it.",
    no_args_is_help=True,
)
_TEAM = re.compile(r"[a-z0-9][a-z0-9-]{1,39}/[0-9A-Za-z][0-9A-Za-z_.-]{0,31}")
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
    team = None if owner is None else team_named(owner, "--owner")
    wanted = Wanted(crossing, kind, team, unowned, everything, limit=limit + 1)
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
        body = plain_whole(found, now(), overview.events_named(connection, events))
    if as_json:
        print_json({"case": body})
    else:
        show_whole(body)


@app.command()
def ack(case: CaseArgument, by: By, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Take a case that nobody owns: from now on it is yours."""
    _take(case, StepRequest(StepKind.ACKNOWLEDGED, team_named(by, "--by")), keys, as_json)


@app.command()
def assign(
    case: CaseArgument,
    to: Annotated[str, typer.Argument(help="The desk that gets it: PARTY/DESK.")],
    by: By,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Give a case to a desk: your own case, or one that nobody owns."""
    ask = StepRequest(StepKind.ASSIGNED, team_named(by, "--by"), to=team_named(to, "TO"))
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
    ask = StepRequest(
        StepKind.SNOOZED,
        team_named(by, "--by"),
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
    _take(case, StepRequest(StepKind.NOTED, team_named(by, "--by"), text=_text(text, "TEXT")), keys, as_json)


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
    note_text = _text(text, "--note") if text else ""
    _take(
        case,
        StepRequest(StepKind.CLOSED, team_named(by, "--by"), reason=str(reason), text=note_text),
        keys,
        as_json,
    )


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
    service, moment = _service(settings, keys), micros(at, "--at") if at else None
    opened = open_session(dsn_of(settings), "lianyun-cli")
    opened.autocommit = True
    with opened:
        if anew:
            projector.forget(opened)
        if not keep_on:
            done = projector.catch_up(opened, service, 2_000, moment)
            steps = sum(len(each.steps) for each in done)
            out.print(
                f"followed {sum(each.events for each in done)} events; {steps} steps taken", markup=False
            )
    if keep_on:
        os.environ.setdefault("LIANYUN_FINANCING_KEYS", str(keys))
        beside = follower.CasesSettings(dsn=settings.dsn, network=settings.network)
        configure(beside.log_format, beside.log_level)
        follower.run(beside)


def team_named(text: str, option: str) -> Team:
    """The team that ``text`` names; Failure where it has not the form of one."""
    if not _TEAM.fullmatch(text):
        raise Failure(
            Exit.USAGE, f"{option}: {text!r} names no desk", "write PARTY/DESK, as ktz/dostyk-shift"
        )
    party, _, name = text.partition("/")
    return Team(party, name)


def _text(text: str, option: str) -> str:
    if not text.strip() or len(text) > MOST or not text.isprintable():
        raise Failure(
            Exit.USAGE,
            f"{option} is empty, longer than {MOST} characters or not one line",
            "say it in one line",
        )
    return text


def _service(settings: CliSettings, keys: Path) -> CaseService:
    try:
        return CaseService(follower.signer_of(settings.network, keys))
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


def _take(text: str, ask: StepRequest, keys: Path, as_json: bool) -> None:
    settings = CliSettings()
    service = _service(settings, keys)
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
        step = service.take_step(connection, case, ask)
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
