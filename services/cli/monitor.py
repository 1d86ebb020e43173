"""`lianyun transparency monitor`: what a party follows the log by, and is alerted by on what it did not say itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import orjson
import typer

from services.cli.exits import Exit, Failure
from services.cli.output import err, out, print_json
from services.cli.receipts import policy_of
from services.cli.settings import CliSettings
from services.ledger.registry.registry import RegistryError
from services.ledger.registry.trust import read_trust, trust
from services.notifications.alert_relay.message import Notification, NotifiedAlert
from services.producers import profile
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.note import BadSignature
from services.transparency.domain.receipt import Receipt
from services.transparency.mirror import Fork, Mirror, Unserved
from services.transparency.monitor import Alert, Monitor, MonitorStep, Owner


def monitor(
    url: Annotated[str, typer.Argument(help="Where the log is served.")],
    to: Annotated[
        Path, typer.Option(help="The folder of its state: a copy of the log, and what it has seen.")
    ],
    policy: Annotated[
        Path, typer.Option(help="The log and the witnesses that you trust (C2SP tlog-policy).")
    ],
    party: Annotated[
        str, typer.Option(help="Whose keys it looks for: a party with a profile and a spool on this machine.")
    ] = "",
    key: Annotated[
        list[str] | None, typer.Option(help="A further key id of the party; repeat for several.")
    ] = None,
    spool: Annotated[
        list[Path] | None, typer.Option(help="A further spool of what it signed; repeat for several.")
    ] = None,
    receipt: Annotated[
        list[Path] | None, typer.Option(help="Receipts of events that concern you; repeat for several.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="The root of the registry; LIANYUN_REGISTRY_ROOT by default.")
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            help="Where somebody else shows the log, such as another monitor's folder served; repeat for several."
        ),
    ] = None,
    webhook: Annotated[
        str,
        typer.Option(help="A URL that takes alerts in Alertmanager's form, such as `lianyun alerts relay`."),
    ] = "",
    every: Annotated[
        float,
        typer.Option(min=0, help="Go on, with so many seconds between two looks, until Ctrl-C; 0: once."),
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each look.")] = False,
) -> None:
    """Follow a log, derive its registry again, and alert on keys and cargo of yours that you did not speak of. Exit 3 on an alert."""
    trusted, owner = policy_of(policy), _owner(party, key or [], spool or [], receipt or [])
    try:
        given = read_trust(str(root)) if root is not None else trust()
    except RegistryError as problem:
        raise Failure(
            Exit.USAGE, problem.problem, problem.remedy or "lianyun registry root prints one"
        ) from None
    mirror = Mirror(to, trusted)

    def notify(alert: Alert) -> None:
        err.print(f"{alert.kind}: {alert.text}", markup=False)
        if webhook:
            labels = {"alertname": f"Transparency{alert.kind}", "party": party}
            notified = NotifiedAlert(status="firing", labels=labels, annotations={"summary": alert.text})
            httpx.post(
                webhook, json=Notification(alerts=[notified]).model_dump(), timeout=10.0
            ).raise_for_status()

    monitor = Monitor(mirror, to, owner, None if given is None else given.root, notify)
    with httpx.Client(base_url=url.rstrip("/"), timeout=30.0) as client:
        while True:
            try:
                step = monitor.step(client)
                for other in compare or ():
                    with httpx.Client(base_url=other.rstrip("/"), timeout=30.0) as theirs:
                        mirror.compare(theirs)
            except Fork as fork:
                show_fork(fork)
            except (Unserved, BadSignature, Malformed, httpx.HTTPError) as problem:
                if not every:
                    raise Failure(
                        Exit.UNREACHABLE, str(problem), "try again; alerts are stored and delivered then"
                    ) from None
                err.print(str(problem), markup=False)
            else:
                _show(step, as_json)
                if not every and step.new:
                    raise Failure(
                        Exit.FINDINGS,
                        f"{len(step.new)} new alerts",
                        "ask the operator for the documents of these entries",
                    )
            if not every:
                return
            time.sleep(every)


def _show(step: MonitorStep, as_json: bool) -> None:
    chain = step.chain
    if as_json:
        print_json(
            {
                "entries": step.after,
                "new_entries": step.after - step.before,
                "registry": None
                if chain is None
                else {
                    "version": chain.registry.version,
                    "statements": chain.number,
                    "parties": len(chain.registry.parties),
                },
                "new": [each._asdict() for each in step.new],
                "alerts": [each._asdict() for each in step.alerts],
            }
        )
        return
    registry = "" if chain is None else f"; registry at version {chain.registry.version}"
    out.print(
        f"{step.after} entries, {step.after - step.before} of them new{registry}; {len(step.alerts)} alerts",
        markup=False,
    )


def _owner(party: str, keys: list[str], spools: list[Path], receipts: list[Path]) -> Owner:
    settings = CliSettings()
    try:
        if party:
            held = profile.load(settings.partners, party)
            keys, spools = [held.key.key_id, *keys], [settings.partners / f"{party}.spool", *spools]
        given = []
        for path in receipts:
            found = orjson.loads(path.read_bytes())
            given += [Receipt.of_json(each) for each in (found if isinstance(found, list) else [found])]
    except (profile.ProfileError, OSError, ValueError) as problem:
        raise Failure(Exit.USAGE, str(problem), "lianyun transparency monitor --help") from None
    return Owner(settings.network, party, frozenset(keys), tuple(spools), tuple(given))


def show_fork(fork: Fork) -> NoReturn:
    """Print both signed checkpoints, and end with the failure that says what they are."""
    for note in fork.evidence:
        typer.echo(str(note))
    raise Failure(
        Exit.FINDINGS,
        f"forked: {fork}",
        "show both signed checkpoints to the other partners: nobody else can have signed them",
    )
