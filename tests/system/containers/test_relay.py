"""The relay, run: what Alertmanager would send it becomes words in a chat, by a robot whose URL only a mounted file tells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from tests.system.containers import engine
from tests.system.containers.conftest import MARK
from tests.system.containers.deployment import Deployment, ports, until
from tests.unit.notifying.test_message import alert

pytestmark = pytest.mark.containers
ROBOT = """
import http.server
class Robot(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.path, self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        body = b'{"errcode":0,"errmsg":"ok"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("", 8000), Robot).serve_forever()
"""
SEND = """
import sys, urllib.request as u
asked = u.Request(sys.argv[1], sys.argv[2].encode(), {"Content-Type": "application/json"})
print(u.urlopen(asked, timeout=30).status)
"""


@pytest.fixture(scope="module")
def chat(images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("chat")
    robots = folder / "robots"
    robots.mkdir()
    url = robots / "lianyun_wecom_url"
    url.write_text("http://robot:8000/send?key=k")
    for path, mode in ((robots, 0o755), (url, 0o644)):
        path.chmod(mode)
    settings = {**images, **ports(), "LIANYUN_SECRETS_FOLDER": str(folder)}
    deployment = Deployment(f"{MARK}-chat", "chat", settings)
    try:
        deployment.up()
        yield deployment
    finally:
        deployment.down()
    assert deployment.left() == []


@pytest.fixture
def robot(chat: Deployment) -> Iterator[str]:
    """A robot in the network of the relay."""
    container = engine.docker(
        "run", "-d", "--network", f"{chat.project}_plain", "--network-alias", "robot", "--entrypoint", "python3",
        chat.settings["LIANYUN_IMAGE"], "-c", ROBOT,
    )  # fmt: skip
    try:
        yield container
    finally:
        engine.docker("rm", "-f", container)


def test_an_alert_becomes_words_in_a_chat(chat: Deployment, robot: str) -> None:
    relay = chat.containers()["relay"]
    assert relay["State"]["Health"]["Status"] == "healthy"
    assert relay["HostConfig"]["ReadonlyRootfs"]
    body = json.dumps({"version": "4", "alerts": [alert("Loud", "page")]})
    send = ["docker", "exec", robot, "python3", "-c", SEND, "http://relay:9464/wecom", body]

    def taken() -> bool:
        return (
            engine.run(send).stdout.strip() == "200"
        )  # 502 until the robot listens, and Alertmanager repeats

    until(taken, "the robot takes it")
    heard = engine.docker("logs", robot)
    assert "/send?key=k" in heard
    assert "[page] **Loud** It burns." in heard
    assert "key=k" not in engine.docker("logs", relay["Id"])


def test_it_ends_in_order(chat: Deployment) -> None:
    relay = chat.containers()["relay"]["Id"]
    engine.docker("stop", "-t", "60", relay)
    assert json.loads(engine.docker("inspect", relay))[0]["State"]["ExitCode"] == 0
