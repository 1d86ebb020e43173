"""Alertmanager's notifications as messages for the group robots of WeCom and DingTalk.

WeCom: https://developer.work.weixin.qq.com/document/path/91770 (markdown, 4,096 bytes of UTF-8 at most).
DingTalk: https://open.dingtalk.com/document/orgapp/custom-robots-send-group-messages (markdown; 20,000 bytes; a signature
over the time where the robot has a secret).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote_plus

from pydantic import BaseModel, Field

WECOM_BYTES, DINGTALK_BYTES = 4_096, 20_000
_MORE = "\n…"


class NotifiedAlert(BaseModel):
    """One alert of a notification; fields not used here are ignored."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)


class Notification(BaseModel):
    """The body of Alertmanager's webhook (version 4); fields not used here are ignored."""

    alerts: list[NotifiedAlert]

    @property
    def title(self) -> str:
        """One line: the number of firing alerts, and their names."""
        firing = [alert for alert in self.alerts if alert.status == "firing"]
        names = ", ".join(
            dict.fromkeys(alert.labels.get("alertname", "?") for alert in firing or self.alerts)
        )
        return f"{len(firing)} firing: {names}" if firing else f"resolved: {names}"


def wecom(notification: Notification) -> Mapping[str, Any]:
    """The message for a group robot of WeCom."""
    return {"msgtype": "markdown", "markdown": {"content": cut(_text(notification), WECOM_BYTES)}}


def dingtalk(notification: Notification) -> Mapping[str, Any]:
    """The message for a group robot of DingTalk."""
    text = cut(_text(notification), DINGTALK_BYTES)
    return {"msgtype": "markdown", "markdown": {"title": notification.title, "text": text}}


def dingtalk_signed(url: str, secret: str, millis: int) -> str:
    """``url`` with timestamp and signature; unchanged where there is no secret."""
    if not secret:
        return url
    stamped = hmac.new(secret.encode(), f"{millis}\n{secret}".encode(), hashlib.sha256).digest()
    return f"{url}&timestamp={millis}&sign={quote_plus(base64.b64encode(stamped))}"


def cut(text: str, most: int) -> str:
    """``text`` truncated to ``most`` bytes of UTF-8, at a character boundary and with an ellipsis."""
    raw = text.encode()
    if len(raw) <= most:
        return text
    return raw[: most - len(_MORE.encode())].decode(errors="ignore") + _MORE


def _text(notification: Notification) -> str:
    return "\n\n".join([f"**{notification.title}**", *_lines(notification)])


def _lines(notification: Notification) -> Iterator[str]:
    order = {"page": 0, "ticket": 1}
    for alert in sorted(
        notification.alerts, key=lambda one: (one.status, order.get(one.labels.get("severity", ""), 2))
    ):
        name, severity = alert.labels.get("alertname", "?"), alert.labels.get("severity", "")
        state = severity if alert.status == "firing" else "resolved"
        summary = alert.annotations.get("summary", "")
        runbook = alert.annotations.get("runbook_url", "")
        yield f"[{state}] **{name}** {summary}" + (f" ({runbook})" if runbook else "")
