"""A real Keycloak on this machine, from Maven: its distribution fetched once, started with a realm file, stopped at the end.

``org.keycloak:keycloak-quarkus-dist`` is 160 MB; LIANYUN_MAVEN_REPOSITORY names a mirror. It needs about 500 MB and half a minute to start.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from services.runtime.ports import free_port
from services.testbed.localstack.home import cache_home
from services.testbed.localstack.kafka_runtime import java_executable

VERSION = "26.4.0"
SHA256 = "1b6a11a2726ac8a8dc9c91d5fafe989a75ce4f1622d7f7b45c21d5bc16629c0a"
_PATIENCE = 500.0
PASSWORD = "pass-for-tests"


def distribution() -> Path:
    """The distribution's archive; skips the test, and says why, where there is none to be had."""
    kept = cache_home() / f"keycloak-quarkus-dist-{VERSION}.zip"
    if kept.is_file() and _sound(kept):
        return kept
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError:
        pytest.skip("no Keycloak: the Maven resolver (jgo) is not installed")
    mirror = os.environ.get("LIANYUN_MAVEN_REPOSITORY")
    downloads = cache_home() / "keycloak-downloads"
    context = MavenContext(
        resolver=PythonResolver(),
        repo_cache=downloads,
        remote_repos={"central": mirror} if mirror else None,
        timeout=60,
    )
    component = context.project("org.keycloak", "keycloak-quarkus-dist").at_version(VERSION)
    try:
        found = component.artifact(packaging="zip").resolve()
    except Exception as problem:  # the resolver raises whatever its HTTP library raises
        pytest.skip(f"no Keycloak {VERSION}: Maven does not give it ({type(problem).__name__}: {problem})")
    assert _sound(found), f"the Keycloak that Maven gave is not the one of {SHA256}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(found, kept)
    shutil.rmtree(downloads, ignore_errors=True)
    return kept


def _sound(path: Path) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == SHA256


class RunningKeycloak:
    """A context manager: ``issuer`` is the realm of ``realm`` (the content of a realm file) at a free port of this machine."""

    def __init__(self, folder: Path, realm: dict[str, Any]) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}/realms/{realm['realm']}"
        self._folder, self._realm = folder, realm
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with zipfile.ZipFile(distribution()) as archive:
            archive.extractall(self._folder)
        home = self._folder / f"keycloak-{VERSION}"
        (home / "data" / "import").mkdir(parents=True)
        (home / "data" / "import" / "realm.json").write_text(json.dumps(self._realm), encoding="utf-8")
        command = [
            "bash", str(home / "bin" / "kc.sh"), "start-dev", "--import-realm", "--http-host=127.0.0.1",
            f"--http-port={self.port}", f"--http-management-port={free_port()}", "--cache=local",
        ]  # fmt: skip
        environment = {
            **os.environ,
            "JAVA_HOME": str(java_executable().parent.parent),
            "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx400m",
        }
        self.log = self._folder / "keycloak.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise AssertionError(f"Keycloak does not start:\n{self.log.read_text()[-3_000:]}")
            time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # the group that was started here
            process.wait(30)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.issuer}/.well-known/openid-configuration", timeout=5).status_code == 200
        except httpx.TransportError:
            return False
