"""Programs that may call the API of a platform on this machine, registered without anybody having to type."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psycopg
from joserfc.jwk import ECKey

from schemas.events.base import Role
from services.api.auth import clients
from services.api.auth.tokens.key_file import kept
from services.api.client import ApiAuth
from services.api.sandbox.table import NETWORKS, PARTY
from services.localstack.platform import register
from services.registry import store
from services.registry.events import PartyAdded

BY = "platform"
SANDBOX = PartyAdded(
    code=PARTY,
    name="Sandbox",
    roles=frozenset({Role.BANK, Role.SHIPPER, Role.OPERATOR}),
    sources=frozenset({f"urn:cre:{PARTY}"}),
)
"""The tenant that can be made to meet every answer."""


def admit(dsn: str, party: str, key: ECKey) -> None:
    """Register a client named as the registered ``party``, with ``key``; a further key where the client is there already.

    Raises clients.ClientError for a client of that name that is another party's or revoked.
    """
    with psycopg.connect(dsn) as session:
        known = store.load(session).party(party)
        if known is None:
            raise clients.ClientError(f"no party {party!r} is registered")
        now, public = time.time_ns() // 1_000, key.as_dict(private=False)
        there = next((each for each in clients.listed(session) if each.id == party), None)
        if there is None:
            clients.add_client(session, party, known, jwk=public, at=now, by=BY)
        elif there.party != party or there.revoked is not None:
            raise clients.ClientError(f"client {party!r} is another party's, or revoked")
        elif key.thumbprint() not in there.keys:
            clients.add_key(session, party, public, at=now, by=BY)


def sandbox(dsn: str, network: str, folder: Path) -> Path | None:
    """The key file of the sandbox tenant's client, both registered; None in a network that has no such tenant, and where
    that name was given to another client or taken from it.
    """
    if network not in NETWORKS:
        return None
    register(dsn, [(SANDBOX, ())])
    path = folder / f"{PARTY}.jwk"
    try:
        admit(dsn, PARTY, kept(path))
    except clients.ClientError:
        return None
    return path


class Callers:
    """A context manager over HTTP clients of the API at ``url``, each for one registered party; ``folder`` keeps their keys."""

    def __init__(self, dsn: str, url: str, folder: Path) -> None:
        self._dsn, self._url, self._folder = dsn, url, folder
        self._clients: dict[str, httpx.Client] = {}

    def key_file(self, party: str) -> Path:
        """The file with the key of the client that acts for ``party``."""
        return self._folder / f"{party}.jwk"

    def of(self, party: str) -> httpx.Client:
        """The client that acts for ``party``; registered on first use. Raises clients.ClientError."""
        if party not in self._clients:
            key = kept(self.key_file(party))
            admit(self._dsn, party, key)
            auth = ApiAuth(party, key, self._url)
            self._clients[party] = httpx.Client(base_url=self._url, auth=auth, timeout=30)
        return self._clients[party]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            client.close()
