"""The keys by which access tokens are proven: of the built-in authority, or of an external one by URL or file."""

from __future__ import annotations

import json
import logging
import threading
import time
from pathlib import Path

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.api.authority.signing import AuthorityKey
from services.api.problems import Problem
from services.api.settings import ApiSettings

log = logging.getLogger(__name__)
_AGAIN_AFTER = 30.0  # seconds: an unknown kid never makes the issuer's key page busy
_OLD_AFTER = 600.0


class KeySource:
    """The issuer's present keys. The built-in authority's key is read (or made) on first use; for several threads."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._own: AuthorityKey | None = None
        self._foreign: KeySet | None = None
        self._read = 0.0

    def own(self) -> AuthorityKey:
        """The built-in authority's key."""
        with self._lock:
            if self._own is None:
                self._own = AuthorityKey.of(self._settings.api_authority_key)
            return self._own

    def keys(self, again: bool) -> KeySet:
        """All keys of the issuer; read once more with ``again``, at most every 30 s. Problem where they cannot be had."""
        if self._settings.api_authority == "builtin":
            return self.own().public_set
        with self._lock:
            age = time.monotonic() - self._read
            if self._foreign is None or age > _OLD_AFTER or (again and age > _AGAIN_AFTER):
                try:
                    self._foreign = self._fetched()
                    self._read = time.monotonic()
                except (httpx.HTTPError, OSError, ValueError, JoseError) as problem:
                    if self._foreign is None:
                        log.warning("the keys of the issuer cannot be had", exc_info=problem)
                        raise Problem("unavailable", "The keys of the issuer cannot be had now.") from problem
            return self._foreign

    def _fetched(self) -> KeySet:
        where = self._settings.api_jwks
        if where.startswith(("https://", "http://")):
            answer = httpx.get(where, timeout=5.0, follow_redirects=False)
            answer.raise_for_status()
            return KeySet.import_key_set(answer.json())
        return KeySet.import_key_set(json.loads(Path(where).read_text(encoding="utf-8")))
