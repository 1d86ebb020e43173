"""The page for receivers says what is true: its example verifies, its code works, its numbers are those of the settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from services.notifications.webhooks.messages import MessageType
from services.notifications.webhooks.settings import WebhookSettings
from services.notifications.webhooks.signature import verify
from services.notifications.webhooks.subscriptions import MAX_PER_PARTY

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "webhooks.md").read_text(encoding="utf-8")
SETTINGS = WebhookSettings.model_validate({"dsn": "postgresql://nowhere"})


def example() -> tuple[dict[str, str], bytes]:
    block = next(b for b in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) if b.startswith("POST /lianyun"))
    head, _, body = block.partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    return headers, body.rstrip("\n").encode()


@pytest.mark.parametrize("prefix", ["whsec", "whpk"])
def test_the_example_verifies(prefix: str) -> None:
    headers, body = example()
    (shown,) = re.findall(rf"`({prefix}_[A-Za-z0-9+/=]{{40,}})`", PAGE)
    assert verify(headers, body, shown, int(headers["webhook-timestamp"]))


def test_the_code_for_receivers_works() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)
    headers, body = example()
    (shown,) = re.findall(r"`(whpk_[A-Za-z0-9+/=]{40,})`", PAGE)
    assert not scope["good"](headers, body, shown), "its timestamp is old"
    scope["time"] = type("Clock", (), {"time": staticmethod(lambda: int(headers["webhook-timestamp"]))})
    assert scope["good"](headers, body, shown)
    with pytest.raises(Exception, match="forged"):
        scope["good"](headers, body + b" ", shown)


def test_types_and_numbers() -> None:
    assert set(re.findall(r"^\| `([a-z.0-9]+\.v1)`", PAGE, re.MULTILINE)) == {
        str(each) for each in MessageType
    }
    assert f"at most {MAX_PER_PARTY} webhooks" in PAGE
    assert f"within {SETTINGS.webhook_timeout:.0f} seconds" in PAGE
    assert SETTINGS.webhook_attempts == 12
    assert "twelve attempts over\nfour days" in PAGE
    assert 4 < SETTINGS.backoff.total() / 86_400 < 4.5
    assert SETTINGS.webhook_disable_after == 5 * 86_400
    assert f"({SETTINGS.webhook_keep_days} days)" in PAGE
