"""A partner's publishing profile: source, topic, signing key, salt secret and declarations about its files.

The file stays on the partner's machine, readable by its owner only.
"""

from __future__ import annotations

import os
import re
import secrets
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from schemas.signing import Scheme, SigningKey
from services.producers.formats import declarations
from services.producers.formats.model import Settings

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")


class ProfileError(Exception):
    """The profile is missing or unusable; the text names the problem and the remedy."""


class NoProfile(ProfileError):
    """There is no profile of that name."""


class KeylessProfile(ProfileError):
    """The profile says where to publish, and its key is still to be made; ``complete`` makes it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A partner's publishing identity. ``network`` is signed with every event ("demo" is worthless in "prod").

    ``files`` is what the partner declares about its own files, None where it declares nothing.
    """

    party: str
    source: str
    topic: str
    network: str
    key: SigningKey = field(repr=False)
    salt_secret: bytes = field(repr=False)
    files: Settings | None = None

    def save(self, folder: Path) -> Path:
        """Write the profile to ``folder``/<party>.toml with mode 0600; overwrites only its own file."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{self.party}.toml"
        text = (
            f'party = "{self.party}"\nsource = "{self.source}"\ntopic = "{self.topic}"\n'
            f'network = "{self.network}"\n\n[key]\nscheme = "{self.key.scheme}"\nseed = "{self.key.seed.hex()}"\n'
            f'\n[salt]\nsecret = "{self.salt_secret.hex()}"\n'
        )
        if self.files is not None:
            text += "\n" + declarations.write(self.files)
        written = path.with_suffix(".tmp")  # a key and a secret that exist nowhere else: never half a file
        handle = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
        return path


def create(party: str, source: str, topic: str, network: str, scheme: Scheme) -> Profile:
    """A new profile with a fresh key and a fresh salt secret."""
    return Profile(party, source, topic, network, SigningKey.generate(scheme), secrets.token_bytes(32))


def anonymous(network: str) -> Profile:
    """A throw-away profile for reading files without publishing."""
    return create("nobody", "urn:nobody", "none", network, Scheme.ED25519)


def renewed(folder: Path, fresh: Profile) -> Profile:
    """``fresh`` with the salt secret and declarations of the existing profile, if any.

    Another salt secret would change the bytes of every record published so far, which then would be equivocation. Raises
    ProfileError where the existing profile cannot be read.
    """
    if not (folder / f"{fresh.party}.toml").exists():
        return fresh
    old = load(folder, fresh.party)
    return replace(fresh, salt_secret=old.salt_secret, files=old.files)


def complete(folder: Path, party: str, scheme: Scheme) -> Profile:
    """Store a fresh key and salt secret in the keyless profile of ``party``, and return it; raises ProfileError."""
    path = folder / f"{party}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        if "key" in table or "salt" in table:
            raise ProfileError(f"{path} has a key already, or half of one; move it aside to start anew")
        files = declarations.read(table["files"], table["party"]) if "files" in table else None
        made = create(table["party"], table["source"], table["topic"], table["network"], scheme)
    except (OSError, KeyError, ValueError, declarations.BadDeclaration) as problem:
        raise ProfileError(f"{path}: not a usable profile ({problem})") from None
    whole = replace(made, files=files)
    whole.save(folder)
    return whole


def keyless(party: str, source: str, topic: str, network: str) -> str:
    """The text of a profile whose key the partner makes: ``complete`` does."""
    return f'party = "{party}"\nsource = "{source}"\ntopic = "{topic}"\nnetwork = "{network}"\n'


def load(folder: Path, party: str) -> Profile:
    """Read ``folder``/<party>.toml; raises ProfileError with the remedy."""
    path = folder / f"{party}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        if "key" not in table and "salt" not in table:
            raise KeylessProfile(
                f"{path} has no key yet. Make it with: lianyun key prove {party} > proof.json"
            )
        key = SigningKey.from_seed(Scheme(table["key"]["scheme"]), bytes.fromhex(table["key"]["seed"]))
        secret = bytes.fromhex(table["salt"]["secret"])
        files = declarations.read(table["files"], table["party"]) if "files" in table else None
        if not _TOPIC.fullmatch(str(table["topic"])):
            raise ProfileError(
                f"{path}: topic {table['topic']!r} is not the name of a topic (letters, digits, '.', '_' and '-'). "
                f"Which one it is, says: lianyun party show {party}"
            )
        return Profile(table["party"], table["source"], table["topic"], table["network"], key, secret, files)
    except FileNotFoundError:
        known = sorted(file.stem for file in folder.glob("*.toml")) if folder.is_dir() else []
        have = f"; there are profiles for {', '.join(known)}" if known else ""
        raise NoProfile(
            f"no profile for {party!r} in {folder}{have}. Make one with: lianyun key add {party} --new"
        ) from None
    except declarations.BadDeclaration as problem:
        raise ProfileError(f"{path}: {problem}") from None
    except (KeyError, ValueError, tomllib.TOMLDecodeError) as problem:
        raise ProfileError(
            f"{path}: not a usable profile ({problem}). Make a new one with: lianyun key add"
        ) from None
