"""An HTTP server that forwards Alertmanager's notifications to chat robots.

Stateless: Alertmanager repeats a notification until it is answered with 200, so a failure of a robot is answered with 502.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from services.monitoring.alerting.alertmanager import DINGTALK, WECOM
from services.notifications.alert_relay.message import Notification, dingtalk, dingtalk_signed, wecom
from services.runtime.connections import WithSecretFiles
from services.telemetry.http import RequestHandler

log = logging.getLogger(__name__)
_MOST = 1 << 20
HEALTH = "/health/live"


class RelaySettings(WithSecretFiles):
    """Settings of the relay, from LIANYUN_* variables or mounted secrets. Robots' URLs contain their keys, so they are secrets."""

    model_config = SettingsConfigDict(
        env_prefix="LIANYUN_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    relay_host: str = "127.0.0.1"
    relay_port: int = Field(9466, ge=0, le=65_535, description="0: any free port")
    relay_timeout: float = Field(10.0, gt=0, description="seconds until a robot must have answered")
    wecom_url: SecretStr = Field(SecretStr(""), description="webhook of a group robot of WeCom")
    dingtalk_url: SecretStr = Field(SecretStr(""), description="webhook of a group robot of DingTalk")
    dingtalk_secret: SecretStr = Field(SecretStr(""), description="its secret, where it signs")


class DeliveryFailed(Exception):
    """A robot did not accept a message; the text contains no key."""


class Relay:
    """A server on the host and port of ``settings``; ``port`` is the actual one."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._client = httpx.Client(timeout=settings.relay_timeout, trust_env=True)
        self._routes = {WECOM: self._to_wecom, DINGTALK: self._to_dingtalk}
        self._server = ThreadingHTTPServer((settings.relay_host, settings.relay_port), _handler(self._relay))
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """The port listened on."""
        return int(self._server.server_address[1])

    def run(self) -> None:
        """Serve until ``stop``; blocks."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """Stop serving; to be called from another thread than ``run``."""
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def _relay(self, path: str, body: bytes) -> tuple[int, str]:
        """Status and text of the response to Alertmanager."""
        deliver = self._routes.get(path)
        if deliver is None:
            return 404, f"send to {WECOM} or {DINGTALK}"
        try:
            notification = Notification.model_validate_json(body)
        except ValidationError as problem:
            log.warning("not a notification: %d faults", problem.error_count(), extra={"action": "refused"})
            return 400, "this is not a notification of Alertmanager"
        try:
            deliver(notification)
        except DeliveryFailed as problem:
            log.warning("%s: %s", path, problem, extra={"action": "not_taken"})
            return 502, str(problem)
        log.info("%s: %s", path, notification.title, extra={"action": "told"})
        return 200, "told"

    def _to_wecom(self, notification: Notification) -> None:
        self._post(self._settings.wecom_url.get_secret_value(), wecom(notification), "LIANYUN_WECOM_URL")

    def _to_dingtalk(self, notification: Notification) -> None:
        url, secret = (
            s.get_secret_value() for s in (self._settings.dingtalk_url, self._settings.dingtalk_secret)
        )
        signed = dingtalk_signed(url, secret, time.time_ns() // 1_000_000)
        self._post(signed, dingtalk(notification), "LIANYUN_DINGTALK_URL")

    def _post(self, url: str, body: object, setting: str) -> None:
        if not url:
            raise DeliveryFailed(f"no robot is configured: set {setting}")
        try:
            answer = self._client.post(url, json=body)
            reply = answer.json()
        except (httpx.HTTPError, ValueError) as problem:
            raise DeliveryFailed(f"the robot did not answer as robots do: {type(problem).__name__}") from None
        # Robots answer 200 to everything and say in the body whether they took it.
        if answer.status_code != 200 or not isinstance(reply, dict) or reply.get("errcode") != 0:
            code = reply.get("errcode") if isinstance(reply, dict) else None
            raise DeliveryFailed(f"the robot refused: status {answer.status_code}, errcode {code}")


def _handler(take: Callable[[str, bytes], tuple[int, str]]) -> type[BaseHTTPRequestHandler]:
    class Handler(RequestHandler):
        def do_GET(self) -> None:
            if self.path == HEALTH:
                self._respond(200, "ready to hand on")
            else:
                self._respond(404, f"send to {WECOM} or {DINGTALK}")

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > _MOST:
                self._respond(413, "a notification has a length of at most a megabyte")
                return
            self._respond(*take(self.path, self.rfile.read(int(length))))

        def _respond(self, status: int, text: str) -> None:
            self.respond(status, "text/plain; charset=utf-8", text.encode() + b"\n")

    return Handler
