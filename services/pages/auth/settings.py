"""Settings of signing in: environment variables LIANYUN_SIGNIN_*; without an issuer nobody signs in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from services.api.settings import is_loopback
from services.runtime.connections import Connections


class SignInSettings(Connections):
    """The issuer, how the console is registered there, and how long sessions last (seconds)."""

    signin_issuer: str = Field("", description="the OpenID Connect issuer, as its discovery document has it")
    signin_client: str = Field("", description="the console's client id there")
    signin_client_secret: SecretStr | None = Field(None, description="its secret (client_secret_basic)")
    signin_client_key: Path | None = Field(
        None, description="or its private key, a JWK file (private_key_jwt); one of the two"
    )
    signin_ca: Path | None = Field(
        None, description="authorities of the issuer's certificate (PEM), if not public"
    )
    signin_idle: int = Field(1_800, ge=60, description="a session ends so long after its last request")
    signin_lifetime: int = Field(43_200, ge=300, description="and so long after its sign-in in any case")
    signin_screen_lifetime: int = Field(
        2_592_000,
        ge=300,
        description="both for a person who may see boards and nothing else: a screen on a wall",
    )
    financing_keys: Path = Field(
        Path(".lianyun") / "financing-keys.json",
        description="file with the platform's own keys: they sign what people do, and compare documents",
    )
    financing_registries: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="other registries that must be clear before money is paid: those of the API"
    )
    financing_check_rate: int = Field(
        300,
        ge=1,
        description="checks of documents and looks at proposed reservations per window, bank and process",
    )
    signin_rate: int = Field(
        30, ge=1, description="attempts to sign in per window, address (IPv6: /64) and process"
    )
    signin_rate_window: int = Field(300, ge=1, description="the window")

    @field_validator("signin_client_secret", "signin_client_key", "signin_ca", mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        """What compose sets to nothing is not given."""
        return None if value == "" else value

    @field_validator("financing_registries", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, value.replace(",", " ").split())) if isinstance(value, str) else value

    @field_validator("signin_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            return value.rstrip("/")
        raise ValueError("an issuer is an https URL; http only on a loopback address of this machine")

    @model_validator(mode="after")
    def _whole(self) -> SignInSettings:
        if not self.signin_issuer:
            return self
        if not self.signin_client:
            raise ValueError("LIANYUN_SIGNIN_ISSUER needs LIANYUN_SIGNIN_CLIENT")
        if (self.signin_client_secret is None) == (self.signin_client_key is None):
            raise ValueError("set one of LIANYUN_SIGNIN_CLIENT_SECRET and LIANYUN_SIGNIN_CLIENT_KEY")
        return self
