"""`lianyun transparency`: the log over everything that was accepted, made, grown, served and looked at; and its receipts."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import uvicorn
from psycopg.errors import LockNotAvailable
from psycopg_pool import ConnectionPool

from services.cli import log_keys, receipts
from services.cli.exits import Exit, Failure
from services.cli.monitor import monitor, show_fork
from services.cli.options import AsJson, now
from services.cli.output import err, iso, out, print_json
from services.cli.receipts import configured, log_session, policy_of
from services.ledger.storage.session import Session
from services.runtime.parent_process import end_with_parent
from services.runtime.private_file import read_or_create
from services.telemetry.logs import configure
from services.transparency import sequencer
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.keys import fault_of_name
from services.transparency.domain.note import BadSignature, Note
from services.transparency.key_file import create_log, name_hsm_key
from services.transparency.mirror import Fork, Mirror, Unserved
from services.transparency.mirror import compare as compare_notes
from services.transparency.server import create_app
from services.transparency.settings import TransparencySettings
from services.transparency.store import log
from services.transparency.store.sources import Unloggable
from services.transparency.witness.client import Contradicted

app = typer.Typer(
    help="The log over everything that was accepted, which partners cosign.", no_args_is_help=True
)

app.command()(monitor)
app.add_typer(log_keys.app, name="key")


@app.callback()
def transparency() -> None:
    """The log over everything that was accepted, which partners cosign."""


@app.command()
def create(
    origin: Annotated[
        str, typer.Argument(help="The log's name for ever, a host and path of yours: log.example.org/lianyun")
    ],
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="For start-up: leave a log that is there with its key as it is, and refuse one without the other.",
        ),
    ] = False,
    hsm: Annotated[
        tuple[str, str, str] | None,
        typer.Option(
            help="The key is in a module already, and stays there: PKCS#11 library, token, label. The PIN is LIANYUN_HSM_PIN.",
            metavar="MODULE TOKEN LABEL",
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="Write a policy that names the log and no witness, where there is no such file: add yours to it. "
            "One that lies beside the key, as of a release before, is taken over."
        ),
    ] = None,
) -> None:
    """Make the log of this database and its key; prints the verifier key for everybody's policy. There is never a second one."""
    settings = configured(TransparencySettings)
    if fault := fault_of_name(origin):
        raise Failure(
            Exit.USAGE, f"{origin!r} is no origin: {fault}", "give a host and path without white space"
        )
    try:
        with log_session(settings) as connection:
            if hsm is not None:
                name_hsm_key(settings.transparency_key, origin, *hsm)
            signer = create_log(connection, settings.transparency_key, origin, now(), once=once)
        if policy is not None:
            earlier = settings.transparency_key.with_name(policy.name)
            plain = f"log {signer.verifier}\nquorum none\n"
            read_or_create(policy, lambda: earlier.read_text("utf-8") if earlier.is_file() else plain)
    except (log.LogRefused, ValueError, OSError) as problem:
        raise Failure(
            Exit.FAILED, str(problem), "look at the one that is there: lianyun transparency show"
        ) from None
    out.print(str(signer.verifier), markup=False)


@app.command()
def run(
    once: Annotated[
        bool,
        typer.Option("--once", help="Ask the witnesses, take in what there is, have it cosigned, and end."),
    ] = False,
) -> None:
    """Move what is accepted into the log and have it cosigned, until Ctrl-C or SIGTERM; others of it stand by."""
    end_with_parent(os.environ)
    settings = configured(TransparencySettings)
    configure(settings.log_format, settings.log_level)
    try:
        if once:
            entries, cosigned = sequencer.once(settings)
            out.print(f"{entries} entries, {cosigned} of them cosigned", markup=False)
        else:
            sequencer.run(settings)
    except LockNotAvailable:
        raise Failure(Exit.FAILED, "another sequencer is at work", "stop it first, or let it work") from None
    except (OSError, Malformed) as problem:
        raise Failure(
            Exit.FAILED,
            f"the key or the policy cannot be read: {problem}",
            "see LIANYUN_TRANSPARENCY_KEY, _POLICY",
        ) from None
    except log.NoLog as problem:
        raise Failure(Exit.NOT_FOUND, str(problem), "lianyun transparency create ORIGIN") from None
    except (log.LogRefused, Contradicted, Unloggable) as problem:
        raise Failure(
            Exit.FINDINGS, str(problem), "do not force it: docs/guides/transparency.md says what each means"
        ) from None


@app.command()
def serve() -> None:
    """Serve checkpoint, tiles and entries (C2SP tlog-tiles) on LIANYUN_TRANSPARENCY_HOST and _PORT, until Ctrl-C or SIGTERM."""
    settings = configured(TransparencySettings)
    configure(settings.log_format, settings.log_level)
    cosigned = settings.transparency_policy is not None
    arguments = {"autocommit": True}
    with ConnectionPool[Session](
        settings.dsn.get_secret_value(), min_size=1, max_size=4, kwargs=arguments, name=sequencer.APPLICATION
    ) as pool:
        uvicorn.run(
            create_app(pool, cosigned),
            host=settings.transparency_host,
            port=settings.transparency_port,
            log_level="warning",
            server_header=False,
        )


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show the head of the log and how much of it was cosigned."""
    with log_session(configured(TransparencySettings)) as connection:
        try:
            head = log.read_head(connection)
        except log.NoLog as problem:
            raise Failure(Exit.NOT_FOUND, str(problem), "lianyun transparency create ORIGIN") from None
        except log.LogRefused as problem:
            raise Failure(Exit.FINDINGS, str(problem), "run lianyun fsck") from None
    cosigned = None if head.cosigned is None else Checkpoint.parse(head.cosigned.text).size
    shown: dict[str, Any] = {
        "origin": head.key.name,
        "key": str(head.key),
        "keys_beside": [str(each) for each in head.beside],
        "key_ends": None if head.until is None else iso(head.until),
        "entries": head.checkpoint.size,
        "root": head.checkpoint.root.hex(),
        "signed": iso(head.at),
        "cosigned_entries": cosigned,
    }
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        text = "none" if value in (None, []) else " ".join(value) if isinstance(value, list) else value
        out.print(f"{name:18}{text}", markup=False)


app.command()(receipts.receipt)
app.command()(receipts.withhold)
app.command()(receipts.page)


@app.command()
def mirror(
    url: Annotated[str, typer.Argument(help="Where the log is served.")],
    to: Annotated[Path, typer.Option(help="The folder of the copy; any web server can serve it.")],
    policy: Annotated[
        Path, typer.Option(help="The log and the witnesses that you trust (C2SP tlog-policy).")
    ],
    every: Annotated[
        float,
        typer.Option(min=0, help="Go on, with so many seconds between two looks, until Ctrl-C; 0: once."),
    ] = 0.0,
) -> None:
    """Keep a copy of a log that grows with it, and refuse what does not continue it."""
    copy = Mirror(to, policy_of(policy))
    with httpx.Client(base_url=url.rstrip("/"), timeout=30.0) as client:
        while True:
            try:
                done = copy.follow(client)
            except Fork as fork:
                show_fork(fork)
            except (Unserved, BadSignature, Malformed, httpx.HTTPError) as problem:
                if not every:
                    raise Failure(Exit.UNREACHABLE, str(problem), "nothing was changed; try again") from None
                err.print(str(problem), markup=False)
            else:
                out.print(f"{done.after} entries, {done.after - done.before} of them new", markup=False)
            if not every:
                return
            time.sleep(every)


@app.command()
def compare(
    one: Annotated[Path, typer.Argument(help="A signed checkpoint, as one party was shown it.")],
    other: Annotated[Path, typer.Argument(help="Another one.")],
    policy: Annotated[
        Path, typer.Option(help="The log and the witnesses that you trust (C2SP tlog-policy).")
    ],
) -> None:
    """Say whether two checkpoints show that the log was forked; prints both as evidence then."""
    try:
        compare_notes(Note.parse(one.read_bytes()), Note.parse(other.read_bytes()), policy_of(policy))
    except Fork as fork:
        show_fork(fork)
    except (OSError, Malformed, BadSignature) as problem:
        raise Failure(Exit.USAGE, str(problem), "give two checkpoints of logs of the policy") from None
    out.print("they do not contradict one another", markup=False)
