"""Settings of the API: environment variables LIANYUN_*, read once, printed with secrets masked."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode

from services.api.targets import require_url
from services.notifications.webhooks.settings import SealSettings


class ApiSettings(SealSettings):
    """The settings of the API. Durations are seconds, sizes bytes."""

    dsn: SecretStr = Field(description="URL of the database")

    api_host: str = "127.0.0.1"
    api_port: int = Field(8443, ge=0, le=65_535, description="0: any free port; then api_url is needed")
    api_url: str = Field(
        "",
        description="how callers reach the API (scheme, host, port): its issuer, and what tokens and proofs name; empty: "
        "it listens on a loopback address, and loopback names are its own",
    )
    api_aliases: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="further URLs by which it is reached (from inside, say); no other name is answered"
    )
    pages_url: str = Field("", description="where the pages are: the address of a share link begins with it")
    api_threads: int = Field(
        8,
        ge=1,
        le=64,
        description="requests at work at once on threads, each with a connection",
    )
    api_sessions: int = Field(
        8,
        ge=1,
        le=64,
        description="questions at work at once without a thread, each with a connection; each waits for one write to disk",
    )
    api_decisions: int = Field(
        16,
        ge=1,
        le=64,
        description="decisions waited for at once, each with a connection; they are taken and committed together",
    )
    api_workers: int = Field(1, ge=1, le=32, description="worker processes")
    api_body_limit: int = Field(4 << 20, ge=1_024, description="the largest body that is taken")
    api_line_limit: int = Field(
        8_192, ge=1_024, description="the longest request line that is taken, in bytes"
    )
    api_header_limit: int = Field(
        16_384, ge=4_096, description="what all headers together may have, in bytes"
    )
    api_header_seconds: float = Field(
        10,
        gt=0,
        description="until the head of a request is complete, from its first byte or the connection on",
    )
    api_body_seconds: float = Field(60, gt=0, description="until its body is complete, from its head on")
    api_connections: int = Field(768, ge=1, description="connections open at once, of each process")
    api_peer_connections: int = Field(
        256,
        ge=1,
        description="of these from one address (IPv6: /64) that is none of api_proxies",
    )
    api_foreign_floor: float = Field(
        0.03, ge=0, le=1, description="what is absent or foreign is answered no sooner than after this"
    )

    api_certificate: Path | None = Field(None, description="own certificate (PEM): serve TLS")
    api_certificate_key: Path | None = Field(None, description="its key (PEM)")
    api_client_ca: Path | None = Field(
        None, description="authorities of client certificates (PEM): ask for one"
    )
    api_certificate_header: str = Field(
        "client-cert", description="where a proxy that ends TLS puts the client's certificate (RFC 9440)"
    )
    api_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses of proxies whose word on the client's certificate and address counts"
    )

    api_authority: Literal["builtin", "external"] = Field("builtin", description="who issues access tokens")
    api_issuer: str = Field("", description="issuer of access tokens; empty: the API's own URL")
    api_audience: str = Field("", description="audience that a token must name; empty: the API's own URL")
    api_jwks: str = Field("", description="URL or file of the external issuer's keys")
    api_authority_key: Path = Field(
        Path(".lianyun") / "api-authority.json",
        description="the built-in authority's key (JWK); made where missing",
    )
    api_token_seconds: int = Field(300, ge=30, le=600, description="how long a token of ours lasts")
    api_proof_seconds: int = Field(60, ge=5, le=300, description="how old a DPoP proof may be")
    api_nonces: bool = Field(
        False, description="ask for a nonce of ours in each DPoP proof (RFC 9449, 8 and 9)"
    )

    financing_keys: Path = Field(
        Path(".lianyun") / "financing-keys.json",
        description="keys by which decisions are signed and fingerprints made (`lianyun bank prepare`)",
    )
    transparency_policy: Path | None = Field(
        None,
        description="file with the log, its witnesses and their quorum, under which receipts verify; unset: none are given",
    )
    financing_registries: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="other registries that must be clear before money is paid"
    )
    financing_test_registry: Path | None = Field(
        None,
        description="what the registry named test says: JSON of invoice numbers and CLEAR, HIT or UNAVAILABLE",
    )

    api_rate: int = Field(6_000, ge=1, description="requests per window, client and process")
    api_token_rate: int = Field(60, ge=1, description="tokens per window, client and process")
    api_token_address_rate: int = Field(
        600, ge=1, description="attempts to get a token per window, address (IPv6: /64) and process"
    )
    api_refused_rate: int = Field(
        1_000, ge=1, description="posted events that cannot be verified per window, client and process"
    )
    api_rate_window: int = Field(60, ge=1, description="the window")
    api_topic: str = Field(
        "", description="topic that posted events go to; empty: the declared one without parties"
    )
    api_answers_kept: int = Field(86_400, ge=60, description="how long idempotent answers are kept")

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65_535, description="0: any free port; unset: none")

    @field_validator("api_aliases", "api_proxies", "financing_registries", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, value.replace(",", " ").split())) if isinstance(value, str) else value

    @field_validator("api_issuer", "api_audience")
    @classmethod
    def _bare(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("api_url", "api_aliases", "pages_url")
    @classmethod
    def _reached(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, tuple):
            return tuple(map(require_url, value))
        return require_url(value) if value else value

    @model_validator(mode="after")
    def _named(self) -> ApiSettings:
        if self.api_url:
            return self
        if not is_loopback(self.api_host):
            raise ValueError(
                f"the API listens on {self.api_host} and does not know its own name: set LIANYUN_API_URL to the URL by "
                "which callers reach it, as https://api.example (or LIANYUN_API_HOST=127.0.0.1 to develop on this machine)"
            )
        if self.api_aliases:
            raise ValueError("LIANYUN_API_ALIASES are further names: set LIANYUN_API_URL to the first one")
        if self.api_port == 0:
            raise ValueError(
                "LIANYUN_API_PORT=0 is whichever port is free, so the URL is not known: set one of LIANYUN_API_PORT and "
                "LIANYUN_API_URL"
            )
        return self

    @property
    def api_urls(self) -> tuple[str, ...]:
        """The API's own URLs, the canonical one first."""
        if self.api_url:
            return self.api_url, *self.api_aliases
        scheme = "http" if self.api_certificate is None else "https"
        return tuple(f"{scheme}://{name}:{self.api_port}" for name in ("127.0.0.1", "localhost", "[::1]"))


def faults(wrong: ValidationError) -> str:
    """What is wrong with settings, by their variables; never a value."""
    lines = [
        (f"LIANYUN_{'_'.join(map(str, each['loc'][:1])).upper()}: " if each["loc"] else "")
        + each["msg"].removeprefix("Value error, ")
        for each in wrong.errors(include_url=False, include_input=False)
    ]
    return "; ".join(lines)


def is_loopback(host: str) -> bool:
    """Whether a process that listens on ``host`` is reached from its own machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
