"""Settings of the pages: environment variables LIANYUN_*, read once, printed with secrets masked."""

from __future__ import annotations

import re
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from services.api.settings import is_loopback
from services.api.targets import require_url
from services.runtime.connections import Connections


class PagesSettings(Connections):
    """The settings of ``lianyun pages serve``. Durations are seconds, sizes bytes."""

    dsn: SecretStr = Field(description="URL of the database")

    pages_host: str = "127.0.0.1"
    pages_port: int = Field(8480, ge=0, le=65_535, description="0: any free port; then pages_url is needed")
    pages_url: str = Field(
        "",
        description="how browsers reach the pages (scheme, host, port); empty: they listen on a loopback address, and loopback "
        "names are their own",
    )
    pages_aliases: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="further URLs by which they are reached; no other name is answered"
    )
    pages_threads: int = Field(8, ge=1, le=64, description="requests at work at once, each with a connection")
    pages_workers: int = Field(1, ge=1, le=32, description="worker processes")
    pages_body_limit: int = Field(1 << 20, ge=1_024, description="the largest body that is taken")
    pages_line_limit: int = Field(8_192, ge=1_024, description="the longest request line that is taken")
    pages_header_limit: int = Field(16_384, ge=4_096, description="what all headers together may have")
    pages_header_seconds: float = Field(10, gt=0, description="until the head of a request is complete")
    pages_body_seconds: float = Field(30, gt=0, description="until its body is complete")
    pages_connections: int = Field(768, ge=1, description="connections open at once, of each process")
    pages_peer_connections: int = Field(
        256, ge=1, description="of these from one address (IPv6: /64) that is none of pages_proxies"
    )
    pages_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses of proxies whose word on the client's address counts"
    )
    pages_foreign_floor: float = Field(
        0.03, ge=0, le=1, description="what is absent or foreign is answered no sooner than after this"
    )
    pages_rate: int = Field(600, ge=1, description="requests per window, address (IPv6: /64) and process")
    pages_link_rate: int = Field(120, ge=1, description="openings of one share link per window and process")
    pages_guess_rate: int = Field(
        30, ge=1, description="openings of links that there are not, per window, address and process"
    )
    pages_listeners: int = Field(256, ge=1, description="who listens to feeds at once, of each process")
    pages_feed_listeners: int = Field(4, ge=1, description="of these to one subscription")
    pages_rate_window: int = Field(60, ge=1, description="the window")
    pages_certificate: Path | None = Field(None, description="own certificate (PEM): serve TLS")
    pages_certificate_key: Path | None = Field(None, description="its key (PEM)")

    mail_from: str = Field(
        "",
        description="from whom subscribers get mail, as Lianyun <news@track.example>; empty: mail is not offered and none is sent",
    )

    pages_open_line: bool = Field(
        False,
        description="the line shows every train to everybody: only where all of it is simulated (network demo)",
    )

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65_535, description="0: any free port; unset: none")

    @field_validator("pages_aliases", "pages_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, value.replace(",", " ").split())) if isinstance(value, str) else value

    @field_validator("pages_url", "pages_aliases")
    @classmethod
    def _reached(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, tuple):
            return tuple(map(require_url, value))
        return require_url(value) if value else value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        address = parseaddr(value)[1]
        if value and not (
            value.isascii() and value.isprintable() and re.fullmatch(r"[^@\s]+@[^@\s]+", address)
        ):
            raise ValueError(
                "give an address as news@track.example or Lianyun <news@track.example>, in ASCII"
            )
        return value

    @model_validator(mode="after")
    def _simulated(self) -> PagesSettings:
        if self.pages_open_line and self.network != "demo":
            raise ValueError(
                f"LIANYUN_PAGES_OPEN_LINE shows every train to everybody: not in network {self.network}"
            )
        return self

    @model_validator(mode="after")
    def _named(self) -> PagesSettings:
        if self.pages_url:
            return self
        if not is_loopback(self.pages_host):
            raise ValueError(
                f"the pages listen on {self.pages_host} and do not know their own name: set LIANYUN_PAGES_URL to the URL by which "
                "browsers reach them, as https://track.example (or LIANYUN_PAGES_HOST=127.0.0.1 to develop on this machine)"
            )
        if self.pages_aliases or self.pages_port == 0:
            raise ValueError("LIANYUN_PAGES_ALIASES and LIANYUN_PAGES_PORT=0 need LIANYUN_PAGES_URL")
        return self

    @property
    def pages_urls(self) -> tuple[str, ...]:
        """The pages' own URLs, the canonical one first."""
        if self.pages_url:
            return self.pages_url, *self.pages_aliases
        scheme = "http" if self.pages_certificate is None else "https"
        return tuple(f"{scheme}://{name}:{self.pages_port}" for name in ("127.0.0.1", "localhost", "[::1]"))
