"""What people read in a chat, and that robots can take it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.alert_relay.message import Notification, cut, dingtalk, dingtalk_signed, wecom


def notification(*alerts: dict[str, Any]) -> Notification:
    return Notification.model_validate({"version": "4", "status": "firing", "alerts": list(alerts)})


def alert(
    name: str, severity: str = "ticket", status: str = "firing", summary: str = "It burns."
) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, "severity": severity},
        "annotations": {"summary": summary, "runbook_url": f"ops/runbooks/{name.lower()}.md"},
        "startsAt": "2026-03-01T00:00:00Z",
        "fingerprint": "ab",
    }


def test_the_loudest_come_first_and_what_is_over_last() -> None:
    told = notification(alert("Over", status="resolved"), alert("Quiet"), alert("Loud", "page"))
    assert told.title == "2 firing: Quiet, Loud"
    assert wecom(told) == {
        "msgtype": "markdown",
        "markdown": {
            "content": "**2 firing: Quiet, Loud**\n\n"
            "[page] **Loud** It burns. (ops/runbooks/loud.md)\n\n"
            "[ticket] **Quiet** It burns. (ops/runbooks/quiet.md)\n\n"
            "[resolved] **Over** It burns. (ops/runbooks/over.md)"
        },
    }
    shown = dingtalk(told)["markdown"]
    assert shown["title"] == told.title
    assert shown["text"] == wecom(told)["markdown"]["content"]
    assert notification(alert("Over", status="resolved")).title == "resolved: Over"


def test_a_flood_fits_what_robots_take() -> None:
    flood = notification(*(alert(f"Fire{number}", summary="口岸排队 " * 20) for number in range(400)))
    text = wecom(flood)["markdown"]["content"]
    assert len(text.encode()) <= 4_096
    assert text.endswith("…")
    assert len(dingtalk(flood)["markdown"]["text"].encode()) <= 20_000
    json.dumps(wecom(flood))


@given(st.text(max_size=300), st.integers(min_value=10, max_value=200))
def test_a_text_is_cut_between_characters(text: str, most: int) -> None:
    shown = cut(text, most)
    assert len(shown.encode()) <= most
    assert shown == text or text.startswith(shown.removesuffix("\n…"))


def test_dingtalk_signs_the_time_with_the_secret() -> None:
    # Computed apart: printf '1700000000000\nSECsecret' | openssl dgst -sha256 -hmac SECsecret -binary | base64
    signed = dingtalk_signed("https://robot.example/send?access_token=t", "SECsecret", 1_700_000_000_000)
    query = parse_qs(urlsplit(signed).query)
    assert query["timestamp"] == ["1700000000000"]
    assert query["sign"] == ["0QWYb8Ux63Sm4BhHaJNL3lv5mqW1sLFoks7vu+HFFi4="]
    assert dingtalk_signed("https://robot.example/send", "", 1) == "https://robot.example/send"


@pytest.mark.parametrize("wrong", [{}, {"alerts": [{"status": "burning", "labels": {}}]}, {"alerts": [{}]}])
def test_what_is_no_notification_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="alerts"):
        Notification.model_validate(wrong)
