"""Runs `python -m <module>` in forks of a process that has imported the module before: a command starts in milliseconds.

A fork has its own environment, working folder, arguments and output, and ends as a process does; it shares what importing the
module's packages gives. For tests of how a process starts, is signalled or ends, start a real one.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


AT_IMPORT = (
    "COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERMINAL_WIDTH", "TTY_COMPATIBLE", "PYTHONHASHSEED", "PYTHONPATH", "PYTHONUTF8",
    "PYTHONIOENCODING",
)  # fmt: skip
"""What the interpreter and the terminal's library read but once: a run with one of these is a process of its own."""


class Launcher:
    """One process that forks, started on first use. ``preload``: modules, or packages with all they contain, ``name.*``.

    Safe for several threads, which wait for one another.
    """

    def __init__(self, *preload: str) -> None:
        self._preload = preload
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None

    def run(
        self, module: str, arguments: Iterable[str], *, env: Mapping[str, str], cwd: Path, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end; its input is empty. Raises subprocess.TimeoutExpired, then it is killed."""
        env = {"PYTHONPATH": str(ROOT), **env}
        if {name for name in AT_IMPORT if name in env} != {"PYTHONPATH"} or env["PYTHONPATH"] != str(ROOT):
            return subprocess.run(
                [sys.executable, "-m", module, *arguments],
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        server = self._started()
        with self._lock, tempfile.TemporaryDirectory(prefix="lianyun-run-") as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            asked = {
                "module": module,
                "arguments": list(arguments),
                "env": env,
                "cwd": str(cwd),
                "out": str(out),
                "err": str(err),
            }
            assert server.stdin is not None
            server.stdin.write(json.dumps(asked).encode() + b"\n")
            server.stdin.flush()
            pid = self._answer()["pid"]
            late: list[int] = []

            def kill() -> None:
                late.append(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

            timer = threading.Timer(timeout, kill)
            timer.start()
            try:
                code = self._answer()["code"]
            finally:
                timer.cancel()
            words = [module, *asked["arguments"]]
            if late:
                raise subprocess.TimeoutExpired(words, timeout, out.read_bytes(), err.read_bytes())
            return subprocess.CompletedProcess(words, code, _text(out), _text(err))

    def close(self) -> None:
        """End the process that forks."""
        if self._server is not None and self._server.stdin is not None:
            self._server.stdin.close()
            self._server.wait(10)

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._server is None:
                given = {name: value for name, value in os.environ.items() if name not in AT_IMPORT}
                self._server = subprocess.Popen(
                    [sys.executable, "-m", "tests.support.launcher", *self._preload],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd=ROOT,
                    env={**given, "PYTHONPATH": str(ROOT)},
                )
            return self._server

    def _answer(self) -> dict[str, Any]:
        assert self._server is not None
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        assert line, "the launcher has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


_LIANYUN = Launcher("services.cli.*")


def run(
    module: str, *arguments: str, env: Mapping[str, str], cwd: Path = ROOT, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module` to its end."""
    return _LIANYUN.run(module, arguments, env=env, cwd=cwd, timeout=timeout)


def lianyun(
    *arguments: str, env: Mapping[str, str], cwd: Path = ROOT, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run the `lianyun` command to its end."""
    return run("services.cli", *arguments, env=env, cwd=cwd, timeout=timeout)


def _import(name: str) -> None:
    """Import a module, and with ``.*`` all that is in the package."""
    module = importlib.import_module(name.removesuffix(".*"))
    for _, inner, _ in (
        []
        if module.__name__ == name
        else pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}.")
    ):
        if not inner.endswith("__main__"):
            importlib.import_module(inner)


def _serve() -> dict[str, Any] | None:
    """Answer requests until they end; None then. In a fork: what it is to run, with everything set up for it."""
    told = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    asked = os.fdopen(os.dup(0), "rb")
    os.dup2(nothing, 0)
    for name in sys.argv[1:]:
        _import(name)
    gc.collect()
    gc.freeze()  # a fork that ends does not free what all of them share
    for line in iter(asked.readline, b""):
        run: dict[str, Any] = json.loads(line)
        pid = os.fork()
        if pid == 0:
            asked.close()
            told.close()
            for descriptor, file in ((1, run["out"]), (2, run["err"])):
                opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                os.dup2(opened, descriptor)
                os.close(opened)
            os.environ.clear()
            os.environ.update(run["env"])
            os.chdir(run["cwd"])
            sys.path[0] = run["cwd"]
            return run
        told.write(json.dumps({"pid": pid}).encode() + b"\n")
        _, status = os.waitpid(pid, 0)
        told.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode() + b"\n")
    return None


def _ended(run: Callable[[], object]) -> None:
    """Run it and end this process as the interpreter does, but for freeing everything object by object: that takes longer than most runs."""
    code: object = 0
    try:
        run()
    except SystemExit as end:
        code = end.code
    except Exception:
        traceback.print_exc()
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit((code or 0) & 0xFF)


if __name__ == "__main__":
    import runpy

    if (told := _serve()) is not None:
        sys.argv = [told["module"], *told["arguments"]]
        _ended(lambda: runpy.run_module(told["module"], run_name="__main__", alter_sys=True))
