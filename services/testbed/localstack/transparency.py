"""The transparency log of a platform on this machine: made once, sequenced by a process, served, and cosigned by two local witnesses."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from psycopg_pool import ConnectionPool
from starlette.applications import Starlette

from services.ledger.storage.session import Session, open_session
from services.processors.supervisor import Supervisor
from services.runtime.ports import LOOPBACK, listening
from services.testbed.localstack.platform import Platform
from services.testbed.localstack.process import StackError
from services.transparency.domain.keys import Cosigner, VerifierKey
from services.transparency.key_file import create_log, make_witness_key
from services.transparency.sequencer import APPLICATION
from services.transparency.server import create_app as log_app
from services.transparency.store.log import LogRefused
from services.transparency.witness.service import WitnessState, create_app, logs_of

PORT = 8490
"""The log's port by default."""
ORIGIN: Final = "log.localhost/lianyun"
WITNESSES: Final = ("first", "second")
_COMMAND: Final = (sys.executable, "-m", "services.cli", "transparency", "run")


@dataclass(frozen=True, slots=True)
class LocalLog:
    """Where the log is served, and the policy of whoever verifies its receipts."""

    url: str
    policy: Path


def policy_in(folder: Path) -> Path:
    """The policy of the log whose files are in ``folder``, there once the log runs."""
    return folder.absolute() / "policy"


@contextmanager
def local_log(
    platform: Platform, folder: Path, port: int = 0, metrics_port: int | None = None
) -> Iterator[LocalLog]:
    """The log of ``platform``, made at the first time, with its key and all of its witnesses in ``folder``, which belongs to its database.

    It is served on ``port`` of this machine, on a free one where that is taken or 0. Both witnesses have to cosign: they show how it
    works, and prove nothing to others. ``metrics_port`` is that of the sequencer. Raises StackError where database and folder do not hold the same log.
    """
    folder = folder.absolute()
    key, policy, dsn = folder / "key.json", policy_in(folder), platform.stack.dsn
    try:
        with open_session(dsn, "lianyun-prepare") as session:
            session.autocommit = True
            signer = create_log(session, key, ORIGIN, time.time_ns() // 1_000, once=True)
    except (LogRefused, ValueError) as refused:
        raise StackError(
            str(refused), f"see docs/guides/transparency.md; the log's files are in {folder}"
        ) from None
    with ExitStack() as running:
        lines = [f"log {signer.verifier}"]
        for name in WITNESSES:
            cosigner = make_witness_key(folder / f"{name}.key", f"{name}.witness.localhost")
            url = running.enter_context(
                served(_witness(folder / f"{name}.sqlite", signer.verifier, cosigner))
            )
            lines.append(f"witness {name} {cosigner.verifier} {url}")
        lines += [f"group both all {' '.join(WITNESSES)}", "quorum both"]
        policy.write_text("\n".join(lines) + "\n", encoding="ascii")
        environment = {
            **platform.worker_environment(),
            "LIANYUN_TRANSPARENCY_KEY": str(key),
            "LIANYUN_TRANSPARENCY_POLICY": str(policy),
            **({} if metrics_port is None else {"LIANYUN_TRANSPARENCY_METRICS_PORT": str(metrics_port)}),
        }
        logs = platform.stack.folder / "logs" / "transparency"
        running.enter_context(Supervisor(environment, workers=1, logs=logs, command=_COMMAND))
        arguments = {"autocommit": True}
        pool = running.enter_context(
            ConnectionPool[Session](dsn, min_size=1, max_size=2, kwargs=arguments, name=APPLICATION)
        )
        yield LocalLog(running.enter_context(served(log_app(pool, cosigned=True), port)), policy)


def _witness(state: Path, log: VerifierKey, cosigner: Cosigner) -> Starlette:
    return create_app(WitnessState(state), logs_of([log]), [cosigner], lambda: int(time.time()))


@contextmanager
def served(app: Starlette, port: int = 0) -> Iterator[str]:
    """The address at which ``app`` answers on this machine, in a thread, for a block; on a free port where ``port`` is taken or 0."""
    at = port if port and not listening(port) else 0
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=at, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://{LOOPBACK}:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
