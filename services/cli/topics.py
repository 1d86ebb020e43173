"""`lianyun topics`: the topics and access rules, declared and of registered parties, compared with a broker and applied to it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import err, out, print_json
from services.cli.settings import CliSettings
from services.ledger.registry import store
from services.ledger.registry.party import Party
from services.processors.topics.access import (
    Grant,
    PasswordError,
    apply_grants,
    grants,
    missing_grants,
    principals,
    read_passwords,
    set_passwords,
)
from services.processors.topics.cluster import ClusterError, Plan, admin_client, make_plan
from services.processors.topics.cluster import apply as apply_topics
from services.processors.topics.declaration import Declaration, DeclarationError, read_declaration

topics = typer.Typer(
    no_args_is_help=True, help="The declared topics, compared with a broker and applied to it."
)

File = Annotated[
    Path | None, typer.Option("--file", help="The declaration; default infra/kafka/topics.toml.")
]
Replicas = Annotated[
    int | None, typer.Option("--replication-factor", min=1, help="Of new topics; 3 on a cluster.")
]
Access = Annotated[bool, typer.Option("--access", help="Access rules too (the broker needs an authorizer).")]
Passwords = Annotated[
    Path | None,
    typer.Option(help="Set the users' passwords from the files of this folder, each named as its user."),
]


@topics.command()
def plan(
    file: File = None, replication_factor: Replicas = None, access: Access = False, as_json: AsJson = False
) -> None:
    """Show what `apply` would do; changes nothing. Exit code 3 when the broker is not as declared."""
    declaration = _with_registry(_declaration(file))
    try:
        with admin_client(*_broker()) as admin:
            wanted = make_plan(admin, declaration, replication_factor)
            new_grants = missing_grants(admin, grants(declaration)) if access else ()
    except ClusterError as unreachable:
        raise _unreachable(unreachable) from None
    _report(wanted, new_grants, as_json, "to do")
    if not wanted.done or new_grants:
        raise typer.Exit(Exit.FINDINGS)


@topics.command()
def apply(
    file: File = None,
    replication_factor: Replicas = None,
    access: Access = False,
    passwords: Passwords = None,
    as_json: AsJson = False,
) -> None:
    """Create what is missing and set what differs; nothing is ever deleted. Repeating it changes nothing."""
    declared = _declaration(file)
    declaration = _with_registry(declared)
    bootstrap, security = _broker()
    users = _passwords(passwords, declared, declaration)
    try:
        done = apply_topics(bootstrap, declaration, replication_factor, security)
        new_grants: tuple[Grant, ...] = ()
        if access or users:
            with admin_client(bootstrap, security) as admin:
                if access:
                    new_grants = apply_grants(admin, grants(declaration))
                set_passwords(admin, users)
    except ClusterError as unreachable:
        raise _unreachable(unreachable) from None
    if users:
        err.print(f"passwords set: {', '.join(sorted(users))}", markup=False)
    _report(done, new_grants, as_json, "done")


@topics.command()
def acl(file: File = None) -> None:
    """Print the access rules as commands of Kafka's own tool, for those who administer by hand."""
    for grant in grants(_with_registry(_declaration(file))):
        out.print(grant.command(), markup=False)


def _declaration(file: Path | None) -> Declaration:
    try:
        return read_declaration(file)
    except DeclarationError as wrong:
        raise Failure(Exit.USAGE, str(wrong), "correct the declaration") from None


def declared_with(parties: Iterable[Party]) -> Declaration:
    """The declaration with the topics of ``parties``; Failure where it is wrong."""
    return _declaration(None).with_parties({party.code: party.topics for party in parties})


def _with_registry(declaration: Declaration) -> Declaration:
    """``declaration`` with the topics of every registered party, where a database is configured and answers."""
    settings = CliSettings()
    if not settings.dsn.get_secret_value():
        return declaration
    try:
        with session(settings) as connection:
            parties = store.read_snapshot(connection).parties.values()
    except Failure as away:
        err.print(f"without the topics of registered parties: {away.problem}", markup=False)
        return declaration
    return declaration.with_parties({party.code: party.topics for party in parties})


def _broker() -> tuple[str, dict[str, Any]]:
    settings = CliSettings()
    if not settings.bootstrap:
        raise Failure(Exit.USAGE, "no broker is configured", "set LIANYUN_BOOTSTRAP=host:port")
    return settings.bootstrap, settings.kafka_security()


def _passwords(folder: Path | None, declared: Declaration, declaration: Declaration) -> dict[str, SecretStr]:
    """The passwords in ``folder``: of every declared user, and of a registered party where its file is there."""
    if folder is None:
        return {}
    users = principals(declared)
    others = (user for user in principals(declaration) if user not in users and (folder / user).exists())
    try:
        return read_passwords(folder, (*users, *others))
    except PasswordError as wrong:
        raise Failure(Exit.USAGE, str(wrong), "lianyun secrets make") from None


def _unreachable(problem: ClusterError) -> Failure:
    return Failure(Exit.UNREACHABLE, str(problem), "lianyun doctor")


def _report(plan: Plan, new_grants: tuple[Grant, ...], as_json: bool, word: str) -> None:
    actions = [str(action) for action in plan.actions]
    if as_json:
        print_json(
            {
                "actions": actions,
                "conflicts": plan.conflicts,
                "undeclared": plan.undeclared,
                "grants": [grant.command() for grant in new_grants],
            }
        )
        return
    for line in [*actions, *(grant.command() for grant in new_grants)]:
        out.print(f"{word}: {line}", markup=False)
    for conflict in plan.conflicts:
        err.print(f"conflict: {conflict}", markup=False)
    for name in plan.undeclared:
        err.print(f"left alone: {name} is not declared", markup=False)
    if plan.done and not new_grants:
        err.print("The broker is as declared.")
