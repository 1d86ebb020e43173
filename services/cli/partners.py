"""`lianyun partner`: everything a new partner needs of the platform in one command, and the folder that it is handed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from schemas.events.base import Role
from schemas.events.keys import canonical_place
from services.cli import partner_kit
from services.cli.checks import workers
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, now
from services.cli.output import err, out, print_json
from services.cli.registry_change import (
    By,
    Code,
    Countries,
    Managers,
    Places,
    formed,
    known_party,
    registered,
)
from services.cli.secrets import FOLDER
from services.cli.settings import CliSettings
from services.cli.topics import declared_with
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.party import Party
from services.processors.topics import partner as connections
from services.processors.topics.access import enforced
from services.processors.topics.cluster import ClusterError, admin_client, observe
from services.processors.topics.declaration import Declaration, problems
from services.processors.topics.partner import Step, StepState

app = typer.Typer(
    no_args_is_help=True, help="New partners: what the platform makes, and the folder they get."
)
_PATIENCE = 20.0
_FIELDS = ("name", "roles", "sources", "topics", "countries", "managers", "places")
Secrets = Annotated[
    Path, typer.Option("--secrets", help="The folder of a secured deployment's passwords and certificates.")
]


@app.callback()
def partner() -> None:
    """New partners: what the platform makes, and the folder they get."""


@app.command()
def add(
    code: Code,
    name: Annotated[str | None, typer.Option(help="The full name.")] = None,
    role: Annotated[list[Role] | None, typer.Option(help="What it is; repeat for several.")] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="A CloudEvents source of its own; urn:cre:CODE by default.")
    ] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="Its own topic; cre.ROLE.CODE.v1 by default.")
    ] = None,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="It posts over HTTPS and needs no connection to the broker.")
    ] = False,
    country: Countries = None,
    manager: Managers = None,
    place: Places = None,
    quota: Annotated[
        int | None, typer.Option(min=1_024, help="Bytes a second that it may write; 1,048,576 at first.")
    ] = None,
    secrets: Secrets = FOLDER,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Give it another password at the broker.")
    ] = False,
    replication_factor: Annotated[
        int | None, typer.Option(min=1, help="Of new topics; 3 on a cluster.")
    ] = None,
    by: By = "operator",
    as_json: AsJson = False,
) -> None:
    """Make what a partner needs: party, topic, access rules, quota, password. Repeating it finishes what is missing and repeats nothing."""
    settings = CliSettings()
    if not settings.bootstrap:
        raise Failure(Exit.USAGE, "no broker is configured", "set LIANYUN_BOOTSTRAP=host:port, or: make up")
    given: dict[str, object] = {
        "name": name, "roles": role, "sources": source, "topics": () if gateway else topic,
        "countries": country, "managers": manager,
        "places": None if place is None else list(map(canonical_place, place)),
    }  # fmt: skip
    shown = _Steps(as_json)
    party = _register(settings, code, given, by, shown)
    if party.topics:
        declaration = declared_with([party])
        password = secrets / "kafka" / code
        try:
            for step in connections.provide(
                settings.bootstrap, settings.kafka_security(), declaration, code,
                replication_factor=replication_factor, quota=quota, password=password, renew=new_password,
            ):  # fmt: skip
                shown.add(step)
        except ClusterError as problem:
            shown.end(code)
            raise Failure(
                Exit.UNREACHABLE, f"{code} is registered, and not all is made: {problem}",
                f"mend that, then finish: lianyun partner add {code}",
            ) from None  # fmt: skip
        shown.add(_read(settings, declaration.only(party.topics), shown))
    else:
        detail = "none of its own: it posts over HTTPS, and the gateway writes"
        shown.add(Step("topic", StepState.PRESENT, detail))
    shown.end(code)


class _Steps:
    """Prints each step as it is done; for a program all of them at the end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._steps: list[Step] = []

    def add(self, step: Step) -> None:
        self._steps.append(step)
        if not self._as_json:
            remedy = f"  to do: {step.remedy}" if step.remedy else ""
            out.print(f"{step.state:<10} {step.name:<9} {step.detail}{remedy}", markup=False)

    def note(self, text: str) -> None:
        if not self._as_json:
            err.print(text, markup=False)

    def end(self, code: str) -> None:
        """Say what follows; exit 3 where a step is missing."""
        missing = [step for step in self._steps if step.state is StepState.MISSING]
        if self._as_json:
            plain = [
                {"step": s.name, "state": str(s.state), "detail": s.detail, "remedy": s.remedy}
                for s in self._steps
            ]
            print_json({"party": code, "missing": len(missing), "steps": plain})
        else:
            out.print(f"next: lianyun partner kit {code}", markup=False)
        if missing:
            raise typer.Exit(Exit.FINDINGS)


def _register(settings: CliSettings, code: str, given: dict[str, object], by: str, shown: _Steps) -> Party:
    """The party, registered if it was not; Failure where it is registered as something else."""
    with session(settings) as connection:
        registry = store.read_snapshot(connection)
        found = registry.party(code)
        connection.rollback()
        if found is not None:
            _require_same(found, given)
            shown.add(Step("party", StepState.PRESENT, f"{found.name} ({', '.join(sorted(found.roles))})"))
            return found
        entry = formed(
            lambda: PartyAdded.model_validate({"code": code, **_completed(code, given)}), "partner add"
        )
        for problem in problems(declared_with([]).with_parties({code: entry.topics})):
            raise Failure(Exit.USAGE, problem, "lianyun partner add --help")
        changed = registered(lambda: commands.add_party(connection, entry, at=now(), by=by))
    made = changed.parties[code]
    shown.add(Step("party", StepState.DONE, f"{made.name} ({', '.join(sorted(made.roles))})"))
    return made


def _completed(code: str, given: dict[str, object]) -> dict[str, object]:
    roles = given["roles"]
    if not given["name"] or not isinstance(roles, list) or not roles:
        raise Failure(
            Exit.USAGE, f"{code} is not registered yet, so give its name and role",
            f'lianyun partner add {code} --name "..." --role {Role.SHIPPER}',
        )  # fmt: skip
    completed = {field: value for field, value in given.items() if value is not None}
    completed.setdefault("sources", (f"urn:cre:{code}",))
    completed.setdefault("topics", (f"cre.{str(roles[0]).replace('_', '-')}.{code}.v1",))
    return completed


def _require_same(found: Party, given: dict[str, object]) -> None:
    for field in _FIELDS:
        value, present = given[field], getattr(found, field)
        wanted = value if isinstance(value, str) or value is None else frozenset(value)  # type: ignore[call-overload]
        if wanted is not None and wanted != present:
            has = present if isinstance(present, str) else ", ".join(sorted(present)) or "none"
            raise Failure(
                Exit.FAILED, f"{found.code} is registered already, with other {field}: {has}",
                f"leave the option out, or change it first: lianyun party amend {found.code} --help",
            )  # fmt: skip


def _read(settings: CliSettings, own: Declaration, shown: _Steps) -> Step:
    """Wait until workers read every partition of the topics."""
    began, waiting = time.monotonic(), False
    with session(settings) as connection:
        connection.autocommit = True
        with admin_client(settings.bootstrap, settings.kafka_security()) as admin:
            present = observe(admin)
        wanted = {
            (topic.name, number)
            for topic in own.topics
            for number in range(present[topic.name].partitions if topic.name in present else 0)
        }
        while True:
            alive = {tuple(where) for where, (_, held) in workers.ledger(connection).items() if held}
            left = sorted(wanted - alive)
            waited = time.monotonic() - began
            if not left and waiting:
                detail = f"all {len(wanted)} partitions are read, {waited:.1f} s later"
                return Step("readers", StepState.DONE, detail)
            if not left:
                return Step("readers", StepState.PRESENT, f"all {len(wanted)} partitions are read")
            if waited > _PATIENCE:
                detail = f"{len(left)} of {len(wanted)} partitions are read by nobody after {waited:.0f} s"
                running = workers.workers(connection)
                return Step("readers", StepState.MISSING, detail, running.mend or "lianyun doctor")
            if not waiting:
                shown.note("waiting for the workers ...")
            waiting = True
            time.sleep(0.2)


@app.command()
def kit(
    code: Code,
    to: Annotated[Path | None, typer.Option(help="The folder; CODE-kit by default.")] = None,
    bootstrap: Annotated[
        str,
        typer.Option(help="The broker's address as the partner reaches it; LIANYUN_BOOTSTRAP by default."),
    ] = "",
    api: Annotated[str, typer.Option(help="The API's address as the partner reaches it.")] = "",
    secrets: Secrets = FOLDER,
    as_json: AsJson = False,
) -> None:
    """Write the folder that a partner is handed: profile, network, endpoints, password, a first file, and what to do with them."""
    settings = CliSettings()
    with session(settings) as connection:
        party = known_party(store.read_snapshot(connection), code)
    if Role.PLATFORM in party.roles:
        raise Failure(Exit.USAGE, f"{code} is the platform itself", "lianyun party list")
    secured = bool(party.topics) and _connected(settings, party)
    folder = to or Path(f"{code}-kit")
    endpoints = partner_kit.Endpoints(
        bootstrap or settings.bootstrap,
        api or settings.api_url,
        settings.pages_url,
        _content(settings.kafka_ca, code) if settings.kafka_ca and party.topics else None,
        _content(secrets / "kafka" / code, code).decode("ascii").strip() if secured else None,
    )
    try:
        written = partner_kit.write(folder, party, settings.network, endpoints, datetime.now(UTC))
    except OSError as problem:
        raise Failure(Exit.FAILED, f"{folder}: {problem.strerror}", "name another folder: --to") from None
    if as_json:
        print_json(
            {
                "party": code,
                "folder": str(folder),
                "files": [str(path.relative_to(folder)) for path in written],
            }
        )
        return
    for path in written:
        out.print(f"wrote {path}", markup=False)
    out.print(f"hand {folder} over in a safe way; it begins with README.md", markup=False)


def _connected(settings: CliSettings, party: Party) -> bool:
    """Whether the broker of ``party`` asks for a password; Failure where its connection is not whole."""
    remedy = f"lianyun partner add {party.code}"
    if not settings.bootstrap:
        raise Failure(Exit.USAGE, "no broker is configured", "set LIANYUN_BOOTSTRAP=host:port, or: make up")
    try:
        left = connections.lacking(
            settings.bootstrap, settings.kafka_security(), declared_with([party]), party.code
        )
        with admin_client(settings.bootstrap, settings.kafka_security()) as admin:
            secured = enforced(admin)
    except ClusterError as problem:
        raise Failure(Exit.UNREACHABLE, str(problem), "lianyun doctor") from None
    if left:
        raise Failure(Exit.FAILED, f"the connection of {party.code} lacks: {'; '.join(left)}", remedy)
    return secured


def _content(path: Path, code: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise Failure(
            Exit.FAILED, f"{path}: {problem.strerror}",
            f"name the folder with --secrets, or: lianyun partner add {code} --new-password",
        ) from None  # fmt: skip
