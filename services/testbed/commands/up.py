"""`lianyun up`: the whole platform on this machine."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from services.cli.exits import Exit, Failure
from services.cli.output import err, out
from services.cli.settings import RUNNING, CliSettings
from services.financing.store.fingerprint_versions import KeyMissing
from services.financing.store.keys import KeysMissing
from services.ledger.registry.trust import DEVELOPMENT, ROOT
from services.runtime.ports import free_port, listening
from services.testbed.identity.local import DEMO_NETWORK, LocalIdentity
from services.testbed.identity.local import PORT as IDENTITY_PORT
from services.testbed.localstack.api import PORT, LocalApi, sandbox
from services.testbed.localstack.exchange import PORT as EXCHANGE_PORT
from services.testbed.localstack.exchange import LocalExchange
from services.testbed.localstack.metrics import MetricsPorts
from services.testbed.localstack.pages import PORT as PAGES_PORT
from services.testbed.localstack.pages import LocalPages
from services.testbed.localstack.platform import (
    Platform,
    arrival_follower,
    case_follower,
    credit_follower,
    exporter,
    notifications,
    signed_registry,
    webhooks,
)
from services.testbed.localstack.process import StackError
from services.testbed.localstack.transparency import PORT as LOG_PORT
from services.testbed.localstack.transparency import LocalLog, local_log

DATA = Path(".lianyun") / "data"
KEYS = DATA.parent


def up(
    workers: Annotated[int, typer.Option(min=1, max=8, help="Worker processes.")] = 2,
    api_port: Annotated[
        int,
        typer.Option(
            min=0, max=65_535, envvar="LIANYUN_API_PORT", help="Of the API; a free one where it is taken."
        ),
    ] = PORT,
    pages_port: Annotated[
        int,
        typer.Option(
            min=0, max=65_535, envvar="LIANYUN_PAGES_PORT", help="Of the pages; a free one where it is taken."
        ),
    ] = PAGES_PORT,
) -> None:
    """Run broker, database, workers, API and pages here until Ctrl-C; data stays in .lianyun/ for the next time."""
    settings = CliSettings()
    if RUNNING.exists():
        raise Failure(
            Exit.FAILED,
            f"a platform seems to run in this folder already ({RUNNING})",
            "stop it with Ctrl-C; if it is gone, remove that file",
        )
    pages_at = pages_port if pages_port and not listening(pages_port) else free_port()
    ports = MetricsPorts.of_environment()
    chosen = int(os.environ.get("LIANYUN_EXPORTER_METRICS_PORT") or 0)
    metrics = ports.name("exporter", chosen) if chosen else ports.take("exporter")
    err.print("starting Kafka, Postgres, the workers, the API and the pages ...")
    try:
        with (
            signed_registry(KEYS, settings.network),
            Platform(
                DATA, workers=workers, network=settings.network, metrics_port=ports.take("workers", workers)
            ) as platform,
            credit_follower(platform, ports.setting("credit", "LIANYUN_CREDIT_METRICS_PORT")),
            arrival_follower(platform, ports.setting("arrival", "LIANYUN_ARRIVAL_METRICS_PORT")),
            webhooks(platform, ports.setting("webhooks")),
            notifications(
                platform,
                pages_at,
                os.environ.get("LIANYUN_MAIL_FROM", ""),
                ports.setting("notifications"),
            ),
            exporter(platform, metrics),
            local_log(
                platform, platform.stack.folder / "transparency", LOG_PORT, ports.take("transparency")
            ) as log,
            LocalApi(
                platform,
                KEYS,
                platform.stack.folder / "logs" / "api",
                port=api_port,
                environment={"LIANYUN_TRANSPARENCY_POLICY": str(log.policy), **ports.setting("api")},
            ) as api,
            case_follower(platform, api.keys, ports.setting("cases", "LIANYUN_CASES_METRICS_PORT")),
            LocalExchange(
                platform,
                api.keys,
                KEYS,
                platform.stack.folder / "logs" / "exchange",
                port=EXCHANGE_PORT,
                environment=ports.setting("exchange"),
            ) as exchange,
            signing_in(platform, pages_at) as sign_in,
            LocalPages(
                platform,
                platform.stack.folder / "logs" / "pages",
                port=pages_at,
                environment={
                    **sign_in,
                    **ports.setting("pages"),
                    "LIANYUN_FINANCING_KEYS": str(api.keys),
                    # In the network of trials nobody's trains are a secret on the machine that plays them.
                    **({"LIANYUN_PAGES_OPEN_LINE": "1"} if settings.network == "demo" else {}),
                },
            ) as pages,
        ):
            key = sandbox(platform.stack.dsn, platform.network, KEYS)
            with announced(platform, api.url, pages.url, log.policy):
                watched = ports.write(KEYS.absolute() / "prometheus")
                _tell(platform, api.url, pages.url, exchange.url, log, key, metrics, watched)
                wait_for_ctrl_c()
    except (StackError, KeysMissing, KeyMissing) as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun doctor") from None


@contextmanager
def signing_in(platform: Platform, pages_port: int) -> Iterator[Mapping[str, str]]:
    """The settings by which the pages sign people in: those that are set already, else of an issuer that runs for the block.

    That one asks for no password, so it is started on the demo network only.
    """
    if os.environ.get("LIANYUN_SIGNIN_ISSUER") or platform.network != DEMO_NETWORK:
        yield {}
        return
    logs = platform.stack.folder / "logs" / "identity"
    with LocalIdentity(platform, logs, pages_port, port=IDENTITY_PORT) as identity:
        yield identity.environment


def _tell(
    platform: Platform,
    api: str,
    pages: str,
    exchange: str,
    log: LocalLog,
    key: Path | None,
    metrics: int,
    watched: Path,
) -> None:
    """Print where everything is, and what to try first."""
    out.print("The platform runs:")
    for name, where in (
        ("pages", f"{pages}  (for people with a browser; console: {pages}/console)"),
        ("line", f"{pages}/line  (where the trains are, live)"),
        ("API", f"{api}  (described at /openapi.json)"),
        ("log", f"{log.url}/checkpoint  (the transparency log, cosigned by two local witnesses)"),
        (
            "exchange",
            f"{exchange}  (documents of other platforms; their directory: lianyun exchange platforms)",
        ),
        ("Kafka", platform.stack.bootstrap),
        ("Postgres", f"the address is in {RUNNING}"),
        ("metrics", f"of the whole platform: http://127.0.0.1:{metrics}/metrics"),
        ("registry", _registry()),
        ("logs", platform.stack.folder / "logs"),
    ):
        out.print(f"  {name:<9} {where}", markup=False)
    if key is not None:
        shown = from_here(key)
        out.print("Ask the API, in another terminal, in this folder, as the tenant that meets every answer:")
        out.print(
            f"  lianyun bank status --client sandbox --key {shown} sandbox-stage-drawn",
            markup=False,
            soft_wrap=True,
        )
        out.print(
            "  docs/reference/sandbox.md lists what else it can meet; docs/guides/api.md makes a client of your own"
        )
    show_receipts(log)
    show_metrics(watched)
    out.print("And:")
    for line in (
        "lianyun party list",
        "lianyun track ID",
        "lianyun events tail -f",
        "lianyun cases list",
        "lianyun top",
        "lianyun doctor",
    ):
        out.print(f"  {line}")
    out.print("Ctrl-C stops it.")


def show_metrics(configuration: Path) -> None:
    """Print where the metrics of each process are, and how a Prometheus reads them."""
    targets = configuration.with_name("targets.json")
    out.print(f"Watch it: each process shows its own metrics, where {from_here(targets)} says:", markup=False)
    data = from_here(configuration.with_name("data"))
    out.print(
        f"  prometheus --config.file={from_here(configuration)} --storage.tsdb.path={data}",
        markup=False,
        soft_wrap=True,
    )


def from_here(path: Path) -> Path:
    """The path as one types it in this folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def show_receipts(log: LocalLog) -> None:
    """Print the two commands that make and verify a receipt."""
    out.print("Prove an event, and verify that without the platform:")
    for line in (
        "lianyun transparency receipt SOURCE ID --to receipt.json",
        f"lianyun verify receipt.json --policy {from_here(log.policy)}",
    ):
        out.print(f"  {line}", markup=False, soft_wrap=True)


def _registry() -> str:
    """By whom its changes are signed."""
    if DEVELOPMENT not in os.environ:
        return "as configured" if ROOT in os.environ else "not signed"
    return f"signed by two administrators' keys, in {KEYS / 'registry'}: for development only"


@contextmanager
def announced(platform: Platform, api: str, pages: str = "", policy: Path | None = None) -> Iterator[None]:
    """Write where the platform, its API, its pages ("": none) and its log's policy are, so that commands in this folder find them; take it back at the end."""
    RUNNING.parent.mkdir(exist_ok=True)
    RUNNING.touch(mode=0o600)
    body = {
        "bootstrap": platform.stack.bootstrap,
        "dsn": platform.stack.dsn,
        "network": platform.network,
        "api_url": api,
        "pages_url": pages,
        "transparency_policy": None if policy is None else str(policy),
        "pid": os.getpid(),
        "environment": {name: os.environ[name] for name in (ROOT, DEVELOPMENT) if name in os.environ},
    }
    RUNNING.write_text(json.dumps(body), encoding="utf-8")
    try:
        yield
    finally:
        RUNNING.unlink(missing_ok=True)


def wait_for_ctrl_c() -> None:
    """Block until SIGINT or SIGTERM."""
    stop = False

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    while not stop:
        signal.pause()
