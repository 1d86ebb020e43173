"""`lianyun up`: a platform in this folder until Ctrl-C, which other commands find, and of which nothing stays running."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.transparency.domain.note import Note
from services.transparency.domain.policy import Policy
from tests.support.terminal.user import User

pytestmark = pytest.mark.integration


def descendants(pid: int) -> set[int]:
    """The processes below ``pid``, at any depth."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, todo = set[int](), [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found.update(below)
        todo += below
    return found


def alive(pid: int) -> bool:
    """Whether the process still runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the account may enter under which the database of root runs."""
    with tempfile.TemporaryDirectory(prefix="lianyun-up-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def ask(url: str, key: Path, path: str) -> Any:
    """What the example client of the API prints, run as the README says."""
    example = Path(__file__).resolve().parents[3] / "examples" / "ask.py"
    command = [sys.executable, str(example), url, "sandbox", str(key), path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_it_says_where_to_look_runs_until_ctrl_c_and_leaves_nothing(folder: Path) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("LIANYUN_")}
    environment = {**plain, "PYTHONPATH": str(Path.cwd())}
    log = folder / "up.log"
    with log.open("wb") as out:
        up = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up"],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    user = User(folder, {})
    try:
        user.until(lambda: "Ctrl-C stops it." in log.read_text() or up.poll() is not None, 120)
        shown = log.read_text()
        for command in ("lianyun party list", "lianyun track ID", "lianyun events tail -f", "lianyun top"):
            assert command in shown, shown
        added = (
            "--name",
            "KTZ",
            "--role",
            "railway",
            "--source",
            "urn:cre:ktz",
            "--topic",
            "cre.railway.ktz.v1",
        )
        user.run("party", "add", "ktz", *added)
        parties = {party["code"] for party in user.json("party", "list")["parties"]}
        assert parties == {"ktz", "lianyun", "sandbox"}, (
            "the platform itself, and the tenant to try things as"
        )
        # The API answers at once: its health, a bank's command as it was printed, and the client of twenty lines.
        (url,) = re.findall(r"API +(http://127\.0\.0\.1:\d+)", shown)
        with urllib.request.urlopen(f"{url}/health/ready", timeout=10) as answer:
            assert json.load(answer) == {"ok": True}
        (pages,) = re.findall(r"pages +(http://127\.0\.0\.1:\d+)", shown)
        with urllib.request.urlopen(f"{pages}/?lang=zh", timeout=10) as answer:
            assert '<html lang="zh-Hans">' in answer.read().decode()
        (first,) = re.findall(r"lianyun (bank status .*)", shown)
        assert user.json(*first.split())["financing"]["stage"] == "DRAWN"
        key = folder / ".lianyun" / "sandbox.jwk"
        assert key.stat().st_mode & 0o077 == 0
        assert ask(url, key, "/v1/financings/sandbox-stage-pledged")["stage"] == "PLEDGED"
        assert ask(url, key, "/v1/financings?limit=5")["items"] == [], "the desk is prepared"
        # The log was made, is cosigned by its local witnesses, and its policy is where the printed command says.
        (log,) = re.findall(r"log +(http://127\.0\.0\.1:\d+)/checkpoint", shown)
        user.until(lambda: user.json("transparency", "show")["cosigned_entries"], 30)
        (policy,) = re.findall(r"lianyun verify receipt\.json --policy (\S+)", shown)
        with urllib.request.urlopen(f"{log}/checkpoint", timeout=10) as answer:
            trusted = Policy.parse((folder / policy).read_bytes()).trusted(Note.parse(answer.read()))
        assert trusted.witnesses.keys() == {"first", "second"}
        # Whoever delivers webhooks has begun.
        user.until(lambda: (folder / ".lianyun" / "webhook.key").exists(), 30)
        below = descendants(up.pid)
        commands = {Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in below}
        for module in (
            "processors",
            "credit",
            "cases",
            "notifications.webhooks",
            "monitoring.exporter",
            "api",
            "cli transparency run",
        ):
            assert any(f"-m services.{module} " in command for command in commands), (module, commands)
    finally:
        up.send_signal(signal.SIGINT)
        code = up.wait(60)
    assert code in (0, 130), log.read_text()
    user.until(lambda: not [pid for pid in below if alive(pid)], 30)
    assert "make up" in user.run("party", "list", code=2), "nothing runs here any more"
