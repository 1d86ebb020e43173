"""Settings of the notifications process: those of the pages, whose addresses its messages name, and how mail is sent."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from services.notifications.webhooks.settings import Backoff
from services.pages.settings import PagesSettings

SECOND = 1_000_000


class NotificationSettings(PagesSettings):
    """Settings of ``lianyun notifications run``. Durations are seconds. Mail is off where ``mail_from`` is empty."""

    smtp_host: str = Field("127.0.0.1", description="the mail server that takes messages for others")
    smtp_port: int = Field(587, ge=1, le=65_535)
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how the connection is protected; none only on this machine"
    )
    smtp_user: str = Field("", description="user at the mail server; empty: none")
    smtp_password: SecretStr = Field(SecretStr(""), description="its password")
    smtp_timeout: float = Field(30.0, gt=0, description="until the mail server must have answered")
    mail_bounces: str = Field(
        "",
        description="to whom undeliverable mail returns, as bounces@track.example, with a code for each message after a plus sign; "
        "`lianyun notifications bounce` reads it. Empty: to mail_from, unread",
    )
    notification_tick: float = Field(0.5, gt=0, description="between two looks at what is due")
    notification_keep_days: int = Field(
        90, ge=1, description="how long notices are kept for feeds to be read again"
    )
    notification_attempts: int = Field(10, ge=1, description="attempts of one message")
    notification_first_pause: float = Field(
        30.0, gt=0, description="from the first failure to the second attempt"
    )
    notification_longest_pause: float = Field(86_400.0, gt=0, description="between two attempts at most")

    @field_validator("mail_bounces")
    @classmethod
    def _returning(cls, value: str) -> str:
        # A local part has at most 64 characters (RFC 5321), of which a code and the number of a notice take 53.
        if value and not re.fullmatch(r"[A-Za-z0-9._-]{1,11}@[A-Za-z0-9.-]+", value):
            raise ValueError(
                "give an address of at most 11 characters before the @, as bounces@track.example"
            )
        return value

    @model_validator(mode="after")
    def _protected(self) -> Self:
        if self.smtp_security == "none" and self.smtp_host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(
                f"mail for {self.smtp_host} would cross a network unprotected: set LIANYUN_SMTP_SECURITY to starttls or tls"
            )
        return self

    @property
    def backoff(self) -> Backoff:
        """When failed messages are attempted again."""
        return Backoff(
            first=self.notification_first_pause,
            longest=self.notification_longest_pause,
            attempts=self.notification_attempts,
        )

    @property
    def lease(self) -> int:
        """Microseconds after which an unsettled attempt counts as lost."""
        return int((self.smtp_timeout * 4 + 10) * SECOND)
