"""Settings of the webhooks process, from LIANYUN_* variables or mounted secrets."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pydantic import Field, SecretStr

from services.notifications.webhooks.sealed_secrets import Seal, SealError, new_key
from services.runtime import private_file
from services.runtime.connections import Connections

SECOND = 1_000_000


class Backoff(NamedTuple):
    """The pauses between attempts in seconds: ``first``, then each ``factor`` times the previous, at most ``longest``.

    With the defaults: 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, 6 h, 23 h, then daily; twelve attempts over four days.
    """

    first: float = 5.0
    factor: float = 4.0
    longest: float = 86_400.0
    attempts: int = 12
    jitter: float = 0.25

    def pause(self, attempt: int, chance: float, retry_after: float = 0.0) -> float | None:
        """Seconds from failed attempt number ``attempt`` (1, 2, ...) to the next; None when that was the last.

        ``chance`` in [0, 1) spreads the pause by ``jitter`` to both sides, so that a recovering endpoint is not overrun; the pause is never
        shorter than ``retry_after``, which counts up to ``longest``.
        """
        if attempt >= self.attempts:
            return None
        exponent = min(attempt - 1, 64)
        plain = min(self.longest, self.first * self.factor**exponent)
        return max(plain * (1 + self.jitter * (2 * chance - 1)), min(retry_after, self.longest))

    def total(self) -> float:
        """Seconds from the first attempt to the last, without jitter."""
        return sum(self.pause(attempt, 0.5) or 0.0 for attempt in range(1, self.attempts))


class SealSettings(Connections):
    """Settings of all processes that create or use webhook secrets."""

    webhook_keys: SecretStr = Field(
        SecretStr(""), description="32-byte keys in base64 that seal secrets, the present one first"
    )
    webhook_loopback: bool = Field(
        False, description="let webhooks call this machine: for tests and the sandbox"
    )

    webhook_key_file: Path = Field(
        Path(".lianyun") / "webhook.key",
        description="where such a key is kept where none is given; made where missing, so only for one machine",
    )

    def seal(self) -> Seal:
        """The encryption of secrets. Raises SealError."""
        return Seal.from_text(
            self.webhook_keys.get_secret_value() or _read_or_create_key(self.webhook_key_file)
        )


def _read_or_create_key(path: Path) -> str:
    try:
        return private_file.read_or_create(path, new_key)
    except OSError as problem:
        raise SealError(f"{path} cannot be used: {problem.strerror}; set LIANYUN_WEBHOOK_KEYS") from None


class WebhookSettings(SealSettings):
    """Settings of ``lianyun webhooks run``. Durations are seconds."""

    dsn: SecretStr = Field(description="URL of the database")
    webhook_tick: float = Field(0.5, gt=0, description="between two looks for news and for what is due")
    webhook_at_once: int = Field(4, ge=1, le=64, description="deliveries to one endpoint at the same time")
    webhook_timeout: float = Field(15.0, gt=0, description="until an endpoint must have answered")
    webhook_attempts: int = Field(12, ge=1, description="attempts of one delivery")
    webhook_first_pause: float = Field(5.0, gt=0, description="from the first failure to the second attempt")
    webhook_longest_pause: float = Field(86_400.0, gt=0, description="between two attempts at most")
    webhook_disable_after: float = Field(
        5 * 86_400.0, gt=0, description="without any success: an endpoint is disabled, with an alert"
    )
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65_535, description="0: any free port; unset: none")
    webhook_keep_days: int = Field(30, ge=1, description="how long messages are kept for replay")

    @property
    def backoff(self) -> Backoff:
        """When failed deliveries are attempted again."""
        return Backoff(
            first=self.webhook_first_pause, longest=self.webhook_longest_pause, attempts=self.webhook_attempts
        )

    @property
    def lease(self) -> float:
        """Seconds after which an unsettled attempt counts as lost."""
        return self.webhook_timeout * 2 + 5
