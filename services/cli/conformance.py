"""`lianyun conformance`: the cases of a partner's publisher, and what is right and wrong about what arrived of each."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from services.api.conformance import cases, evaluation
from services.api.conformance.evaluation import NOT_COME, Status, Verdict
from services.api.conformance.evidence import evidence
from services.api.sandbox.table import NETWORKS
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import out, print_json, print_table
from services.cli.settings import CliSettings
from services.ledger.registry import store

_EVERY = 2.0
_SHOWN = {Status.RIGHT: "right", Status.WRONG: "WRONG", Status.NOT_TRIED: "not tried"}


def conformance(
    party: Annotated[str, typer.Argument(help="The partner whose publisher it is.")],
    run: Annotated[str, typer.Option(help="The name of the run; a new one begins anew.")] = "1",
    show_cases: Annotated[
        bool, typer.Option("--cases", help="Print what is to be sent, as JSON, instead.")
    ] = False,
    patience: Annotated[
        float,
        typer.Option("--wait", min=0.0, help="Seconds to go on looking until every case has been tried."),
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Take a partner's publisher through the cases of the sandbox: what is right, what is wrong and where, what was not tried."""
    settings = CliSettings()
    if settings.network not in NETWORKS:
        raise Failure(
            Exit.USAGE,
            f"the network {settings.network!r} has no sandbox",
            f"run it where LIANYUN_NETWORK is {' or '.join(sorted(NETWORKS))}",
        )
    if not cases.RUN.fullmatch(run):
        raise Failure(
            Exit.USAGE, f"{run!r} is no name of a run", "give small letters, digits and hyphens, at most 32"
        )
    until = time.monotonic() + patience
    while True:
        source, found = _looked(settings, party, run, show_cases)
        if show_cases:
            body = {"run": run, "network": settings.network, "party": party, "source": source}
            print_json({**body, "cases": list(cases.plain([each.case for each in found]))})
            return
        if time.monotonic() >= until or all(each.status is not Status.NOT_TRIED for each in found):
            break
        time.sleep(_EVERY)
    if as_json:
        print_json({"run": run, "party": party, **evaluation.plain(found)})
    else:
        _show(party, run, found)
    if not evaluation.conforms(found):
        raise typer.Exit(Exit.FAILED)


def _looked(settings: CliSettings, code: str, run: str, unseen: bool) -> tuple[str, list[Verdict]]:
    with session(settings) as connection:
        party = store.read_snapshot(connection).party(code)
        if party is None or not party.sources:
            raise Failure(Exit.NOT_FOUND, f"there is no party {code!r} that publishes", "lianyun party list")
        source = min(party.sources)
        found = cases.cases_of(party.code, party.roles, source, run)
        return source, evaluation.verdicts(found, {} if unseen else evidence(connection, party, run, found))


def _show(party: str, run: str, found: list[Verdict]) -> None:
    print_table(
        ("case", "", "what"),
        [
            (
                each.case.id,
                _SHOWN[each.status] + (" (optional)" if each.case.optional else ""),
                each.case.title,
            )
            for each in found
        ],
    )
    for each in found:
        for finding in each.findings:
            where = f" at {finding.where}" if finding.where else ""
            _line(
                f"WRONG {each.case.id}: {finding.event}{where}: expected {finding.expected}, came {finding.came.removesuffix('.')}."
            )
            _line(f"      {finding.remedy}")
        if each.status is Status.NOT_TRIED and any(
            not missing.endswith(NOT_COME) for missing in each.missing
        ):
            for missing in each.missing:
                _line(f"to do {each.case.id}: {missing}")
    counts: dict[Status, Any] = {status: sum(each.status is status for each in found) for status in Status}
    _line(f"{party}, run {run}: {', '.join(f'{n} {_SHOWN[status]}' for status, n in counts.items())}")
    if counts[Status.NOT_TRIED]:
        _line(
            f"what to send: lianyun conformance {party} --run {run} --cases, or GET /v1/sandbox/conformance?run={run}"
        )


def _line(text: str) -> None:
    out.print(text, markup=False)
