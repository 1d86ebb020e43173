"""Settings of the exchange of documents with other platforms, from LIANYUN_* variables, and what runs by them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from services.documents.pint.exchange import Exchange
from services.documents.pint.registers import Identity, read_key
from services.documents.store.document_service import DocumentService
from services.ledger.platform_signature import Signer
from services.runtime.connections import Connections

APPLICATION = "lianyun-exchange"


class ExchangeSettings(Connections):
    """Settings of what is sent to other platforms and of what answers them."""

    dsn: SecretStr = Field(description="URL of the database")
    exchange_code: str = Field(
        "LYUN", max_length=4, description="this platform's code among platforms (eblPlatform)"
    )
    exchange_url: str = Field(
        "http://127.0.0.1:8495", description="where other platforms reach this one, without a path"
    )
    exchange_key: Path = Field(
        Path(".lianyun") / "exchange-key.json",
        description="file with the key that signs envelopes and answers",
    )
    exchange_host: str = "127.0.0.1"
    exchange_port: int = Field(8495, ge=0, le=65_535)
    exchange_aliases: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="further URLs by which it is reached; no other name is answered"
    )
    exchange_certificate: Path | None = Field(None, description="own certificate (PEM): serve TLS")
    exchange_certificate_key: Path | None = Field(None, description="its key (PEM)")
    exchange_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses of proxies whose word on the other platform's address counts"
    )
    exchange_rate: int = Field(600, ge=1, description="requests per window and address (IPv6: /64)")
    exchange_platform_rate: int = Field(
        120, ge=1, description="envelopes and steps per window and platform that signed them"
    )
    exchange_rate_window: int = Field(60, ge=1, description="the window, in seconds")
    exchange_threads: int = Field(
        8, ge=1, le=64, description="requests at work at once, each with a session; one more repeats"
    )
    exchange_connections: int = Field(64, ge=1, description="connections open at once")
    exchange_peer_connections: int = Field(
        16, ge=1, description="of these from one address (IPv6: /64) that is none of exchange_proxies"
    )
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65_535, description="0: any free port; unset: none")
    exchange_tick: float = Field(
        10.0, gt=0, description="seconds between two attempts of what is not answered"
    )
    exchange_timeout: float = Field(10.0, gt=0, description="seconds that another platform has to answer")
    financing_keys: Path = Field(
        Path(".lianyun") / "financing-keys.json", description="file with the platform's own key"
    )

    @field_validator("exchange_aliases", "exchange_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, value.replace(",", " ").split())) if isinstance(value, str) else value

    def identity(self) -> Identity:
        """This platform among the others; its key is made where there is none. Raises OSError, ValueError."""
        return Identity(
            self.exchange_code, f"{self.exchange_url.rstrip('/')}/register/v1", read_key(self.exchange_key)
        )

    @contextmanager
    def exchange(self, signer: Signer, party: str) -> Iterator[Exchange]:
        """What sends and receives, for a block; ``party`` is the platform in the registry, which decides as ``signer``. OSError, ValueError."""
        service = DocumentService(signer)
        with httpx.Client(timeout=self.exchange_timeout, follow_redirects=False, trust_env=False) as client:
            yield Exchange(self.identity(), party, service, client, lambda: time.time_ns() // 1_000)
