"""Walks through a runbook: runs its own blocks, in the order of the page, so that the page is what is tested."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from services.monitoring.artefacts import ROOT
from services.runtime.parent_process import VARIABLE as PARENT
from services.testbed.localstack.home import Account, unprivileged_account
from tests.support.runbooks.page import Block, blocks

RUNBOOKS = ROOT / "ops" / "runbooks"


class Walk:
    """One way through the page ``name``, in ``folder``, with the variables of ``environment``.

    The test does what the page does not: it causes the accident and looks at the outcome. Each block is run once; blocks
    are run in order, and ``whole`` says that none was left out.
    """

    def __init__(
        self, name: str, folder: Path, environment: Mapping[str, str], programs: Path | None = None
    ) -> None:
        self.page = RUNBOOKS / f"{name}.md"
        self._folder = folder
        self._left: list[Block] = blocks(self.page)
        path = [str(Path(sys.executable).parent), *([str(programs)] if programs else []), os.environ["PATH"]]
        self.environment = {**environment, "PATH": ":".join(path), "PYTHONPATH": str(ROOT)}

    def set(self, **variables: str) -> None:
        """Give variables of the page a value, as its reader would have done by now."""
        self.environment |= variables

    def do(self, section: str, *, as_server: bool = False, shell: Sequence[str] = ("bash",)) -> str:
        """Run the next block, which must stand under ``section``; return what it printed.

        ``as_server``: as the account that a database server runs under. ``shell`` is the command that starts a bash, elsewhere perhaps.
        """
        block = self._next(section)
        account = unprivileged_account() if as_server else None
        done = subprocess.run(
            [*shell, "-c", block.script()], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
            check=False, **self._where(account),
        )  # fmt: skip
        told = f"{done.stdout}{done.stderr}"
        assert done.returncode == 0, (
            f"{self.page.name}, {section}: {done.returncode}\n{block.script()}\n{told}"
        )
        return told

    def skip(self, section: str) -> None:
        """Leave out the next block, which is not for this deployment."""
        self._next(section)

    @contextmanager
    def beside(self, section: str) -> Iterator[None]:
        """Run the next block beside what the ``with`` block does, and end it in order (SIGTERM) with it."""
        (command,) = self._next(section).commands
        with self.running(command.text):
            yield

    @contextmanager
    def running(self, command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Run ``command`` beside what the ``with`` block does; its words are in the folder's ``beside.log``."""
        where = self._where(None)
        where["env"] |= {
            **variables,
            PARENT: str(os.getpid()),
        }  # a worker does not outlive a run that is killed
        with (self._folder / "beside.log").open("a") as log:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True, **where
            )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
                raise

    def whole(self) -> None:
        """Every block of the page was run."""
        assert self._left == [], f"{self.page.name}: not walked: {[block.section for block in self._left]}"

    def _next(self, section: str) -> Block:
        assert self._left, f"{self.page.name}: no block is left for {section!r}"
        assert self._left[0].section == section, f"{self.page.name}: {self._left[0].section!r} comes first"
        return self._left.pop(0)

    def _where(self, account: Account | None) -> dict[str, object]:
        given = {"env": dict(self.environment), "cwd": self._folder}
        if account is None:
            return given
        # That account may not enter the walker's folder.
        here = Path(self.environment["PGDATA"]).parent
        return {**given, "cwd": here, "user": account.uid, "group": account.gid, "extra_groups": []}
