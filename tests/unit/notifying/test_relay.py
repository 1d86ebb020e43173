"""The relay over real sockets: what a robot hears, and that Alertmanager is told whenever a robot did not take it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from services.notifications.alert_relay.relay import Relay, RelaySettings
from services.runtime.ports import free_port
from tests.support.alerts.robot import Robot, robot
from tests.unit.notifying.test_message import alert

BODY = {"version": "4", "alerts": [alert("Loud", "page")]}


@contextmanager
def relay(**settings: Any) -> Iterator[str]:
    running = Relay(RelaySettings(relay_port=0, **settings))
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.port}"
    finally:
        running.stop()
        thread.join(10)


@pytest.fixture
def heard() -> Iterator[Robot]:
    with robot() as found:
        yield found


def test_it_says_that_it_lives() -> None:
    with relay() as address:
        assert httpx.get(address + "/health/live").status_code == 200
        assert httpx.get(address + "/wecom").status_code == 404


def test_each_robot_hears_its_own_form(heard: Robot) -> None:
    urls = {
        "wecom_url": SecretStr(heard.url("/cgi-bin/webhook/send?key=k")),
        "dingtalk_url": SecretStr(heard.url("/robot/send?access_token=t")),
        "dingtalk_secret": SecretStr("SECsecret"),
    }
    with relay(**urls) as address:
        assert httpx.post(address + "/wecom", json=BODY).status_code == 200
        assert httpx.post(address + "/dingtalk", json=BODY).status_code == 200
    (to_wecom, first), (to_dingtalk, second) = heard.heard
    assert to_wecom == "/cgi-bin/webhook/send?key=k"
    assert "[page] **Loud** It burns." in first["markdown"]["content"]
    assert to_dingtalk.startswith("/robot/send?access_token=t&timestamp=")
    assert "&sign=" in to_dingtalk
    assert second["markdown"]["title"] == "1 firing: Loud"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((200, b'{"errcode":45009,"errmsg":"api freq out of limit"}'), "errcode 45009"),
        ((500, b'{"errcode":0}'), "status 500"),
        ((200, b"<html>"), "did not answer as robots do"),
        ((200, b"[]"), "errcode None"),
    ],
)
def test_what_a_robot_did_not_take_is_sent_again(heard: Robot, answer: tuple[int, bytes], says: str) -> None:
    heard.answers.append(answer)
    with relay(wecom_url=SecretStr(heard.url("/send?key=secret-key"))) as address:
        refused = httpx.post(address + "/wecom", json=BODY)
        assert refused.status_code == 502  # Alertmanager tries again after 5xx only
        assert says in refused.text
        assert "secret-key" not in refused.text
        assert httpx.post(address + "/wecom", json=BODY).status_code == 200


def test_a_robot_that_is_away_or_not_configured_is_said(heard: Robot) -> None:
    away = f"http://127.0.0.1:{free_port()}/send?key=secret-key"
    with relay(wecom_url=SecretStr(away)) as address:
        refused = httpx.post(address + "/wecom", json=BODY)
        assert (refused.status_code, "secret-key" in refused.text) == (502, False)
        refused = httpx.post(address + "/dingtalk", json=BODY)
        assert (refused.status_code, "LIANYUN_DINGTALK_URL" in refused.text) == (502, True)
    assert heard.heard == []


def test_what_is_no_notification_is_refused_for_good() -> None:
    with relay() as address:
        assert httpx.post(address + "/wecom", content=b"{").status_code == 400
        assert httpx.post(address + "/wecom", content=json.dumps({"alerts": 1})).status_code == 400
        assert httpx.post(address + "/pager", json=BODY).status_code == 404
        assert httpx.post(address + "/wecom", content=b"x" * (1 << 20) + b"x").status_code == 413


def test_settings_show_no_key() -> None:
    assert "secret-key" not in repr(RelaySettings(wecom_url=SecretStr("http://robot/?key=secret-key")))
