"""`lianyun witness`: a partner's witness, which cosigns what continues the log it has seen and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from services.cli.exits import Exit, Failure
from services.cli.output import err, out
from services.runtime.parent_process import end_with_parent
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.keys import OF_LOGS, Cosigner, VerifierKey, fault_of_name
from services.transparency.key_file import make_witness_key
from services.transparency.witness.service import WitnessState, create_app, logs_of

app = typer.Typer(help="A witness of the transparency log, run by a partner.", no_args_is_help=True)


@app.callback()
def witness() -> None:
    """A witness of the transparency log, run by a partner."""


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="The witness's name for ever, a host and path of yours.")],
    file: Annotated[Path, typer.Option(help="Its private key; made where there is none.")],
) -> None:
    """Print the witness's verifier key, for the policies of others; makes the private key where there is none."""
    out.print(str(_cosigner(name, file).verifier), markup=False)


@app.command()
def serve(
    name: Annotated[str, typer.Argument(help="The witness's name.")],
    file: Annotated[Path, typer.Option(help="Its private key.")],
    log: Annotated[
        list[str],
        typer.Option(
            help="Verifier key of a log that it witnesses; again for more, and for a log's next key."
        ),
    ],
    state: Annotated[Path, typer.Option(help="Its state: a file that must never be set back.")],
    host: Annotated[str, typer.Option(help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535)] = 7380,
) -> None:
    """Answer POST /add-checkpoint (C2SP tlog-witness) until Ctrl-C or SIGTERM."""
    end_with_parent(os.environ)
    try:
        keys = [VerifierKey.parse(each) for each in log]
    except Malformed as fault:
        raise Failure(Exit.USAGE, f"--log: {fault}", "lianyun transparency show prints the key") from None
    if any(each.type not in OF_LOGS for each in keys):
        raise Failure(Exit.USAGE, "--log: this is the key of a witness", "give the key of a log")
    cosigner = _cosigner(name, file)
    app = create_app(WitnessState(state), logs_of(keys), [cosigner], lambda: int(time.time()))
    err.print(f"{cosigner.verifier} on http://{host}:{port}", markup=False)
    uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False)


def _cosigner(name: str, file: Path) -> Cosigner:
    if fault := fault_of_name(name):
        raise Failure(
            Exit.USAGE,
            f"{name!r} is no name of a witness: {fault}",
            "give a host and path without white space",
        )

    try:
        return make_witness_key(file, name)
    except (OSError, ValueError) as problem:
        raise Failure(Exit.USAGE, str(problem), "name another file") from None
