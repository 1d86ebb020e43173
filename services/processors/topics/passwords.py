"""Passwords of the broker's users: read from files, one a user, and set at the broker (SCRAM, RFC 5802)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kafka.admin import UserScramCredentialUpsertion
from pydantic import SecretStr

from services.processors.topics.cluster import ClusterError
from services.runtime.connections import MECHANISM

LEAST = 16
ITERATIONS = 8_192


class PasswordError(Exception):
    """A password's file is missing or unusable; the text names it."""


def read_passwords(folder: Path, users: Iterable[str]) -> dict[str, SecretStr]:
    """Return the password of each of ``users`` from the file of its name in ``folder``. Raises PasswordError."""
    found: dict[str, SecretStr] = {}
    for user in users:
        try:
            password = (folder / user).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise PasswordError(f"no password of {user}: {folder / user}: {problem}") from None
        if len(password) < LEAST:
            raise PasswordError(f"{folder / user}: a password has at least {LEAST} characters")
        found[user] = SecretStr(password)
    return found


def set_passwords(admin: Any, passwords: Mapping[str, SecretStr]) -> None:
    """Create the users at the broker, or give them new passwords; connections that are open stay open.

    Blocks; the broker learns a salted hash, never the password. Raises ClusterError where it refuses.
    """
    if not passwords:
        return
    answers = admin.alter_user_scram_credentials(
        [
            UserScramCredentialUpsertion(user, MECHANISM, password.get_secret_value(), ITERATIONS)
            for user, password in sorted(passwords.items())
        ]
    )
    refused = {user: problem for user, problem in answers.items() if problem}
    if refused:
        raise ClusterError("; ".join(f"password of {user}: {problem}" for user, problem in refused.items()))
