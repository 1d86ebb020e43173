"""A Prometheus that watches itself, for tests of what asks one."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.runtime.ports import free_port


@pytest.fixture(scope="module")
def prometheus(watching: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    jobs = [{"job_name": "own", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}]
    (folder / "prometheus.yml").write_text(
        json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                watching / "prometheus",
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while not _scraped(url):
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _scraped(url: str) -> bool:
    try:
        asked = httpx.get(f"{url}/api/v1/query", params={"query": "up == 1"}, trust_env=False)
        return bool(asked.json()["data"]["result"])
    except (httpx.HTTPError, ValueError, KeyError):
        return False
