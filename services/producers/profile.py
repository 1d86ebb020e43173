"""Who publishes: a partner's own file with its source, topic, signing key and salt secret.

The file never leaves the partner's machine; it is written readable by its owner only.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from schemas.signing import Scheme, SigningKey


class ProfileError(Exception):
    """The profile is missing or unusable; the text says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A partner's publishing identity. ``network`` is signed with every event ("demo" is worthless in "prod")."""

    party: str
    source: str
    topic: str
    network: str
    key: SigningKey = field(repr=False)
    salt_secret: bytes = field(repr=False)

    def save(self, folder: Path) -> Path:
        """Write the profile to ``folder``/<party>.toml with mode 0600; overwrites only its own file."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{self.party}.toml"
        text = (
            f'party = "{self.party}"\nsource = "{self.source}"\ntopic = "{self.topic}"\n'
            f'network = "{self.network}"\n\n[key]\nscheme = "{self.key.scheme}"\nseed = "{self.key.seed.hex()}"\n'
            f'\n[salt]\nsecret = "{self.salt_secret.hex()}"\n'
        )
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def create(party: str, source: str, topic: str, network: str, scheme: Scheme) -> Profile:
    """A new profile with a fresh key and a fresh salt secret."""
    return Profile(party, source, topic, network, SigningKey.generate(scheme), secrets.token_bytes(32))


def load(folder: Path, party: str) -> Profile:
    """Read ``folder``/<party>.toml; raises ProfileError with the remedy."""
    path = folder / f"{party}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        key = SigningKey.from_seed(Scheme(table["key"]["scheme"]), bytes.fromhex(table["key"]["seed"]))
        secret = bytes.fromhex(table["salt"]["secret"])
        return Profile(table["party"], table["source"], table["topic"], table["network"], key, secret)
    except FileNotFoundError:
        known = sorted(file.stem for file in folder.glob("*.toml")) if folder.is_dir() else []
        have = f"; there are profiles for {', '.join(known)}" if known else ""
        raise ProfileError(
            f"no profile for {party!r} in {folder}{have}. Make one with: lianyun key add {party} --new"
        ) from None
    except (KeyError, ValueError, tomllib.TOMLDecodeError) as problem:
        raise ProfileError(
            f"{path}: not a usable profile ({problem}). Make a new one with: lianyun key add"
        ) from None
