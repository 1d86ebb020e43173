"""Announcements of a log's further key: a note under the key that everybody knows, which no reader takes for a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.transparency.domain.encoding import Malformed, decimal
from services.transparency.domain.keys import OF_LOGS, SignatureType, VerifierKey
from services.transparency.domain.note import BadSignature, Note
from services.transparency.domain.policy import Policy

_HEADER: Final = "lianyun-log-key-v1"
_UNTIL: Final = "until "


@dataclass(frozen=True, slots=True)
class Announcement:
    """A key that signs a log's checkpoints from now on, and the POSIX time until when the key that it replaces signs beside it.

    ``until`` is None where it replaces none. The name of the key is the log's origin.
    """

    key: VerifierKey
    until: int | None

    @property
    def text(self) -> str:
        """The text of the note."""
        return f"{_HEADER}\n{self.key}\n" + ("" if self.until is None else f"{_UNTIL}{self.until}\n")

    @classmethod
    def verified(cls, note: Note, policy: Policy) -> Announcement:
        """The announcement that the log of this origin signed by an Ed25519 key of the policy; BadSignature, Malformed."""
        match note.text.split("\n"):
            case [header, key, ""] if header == _HEADER:
                found = cls(VerifierKey.parse(key), None)
            case [header, key, until, ""] if header == _HEADER and until.startswith(_UNTIL):
                found = cls(
                    VerifierKey.parse(key), decimal(until.removeprefix(_UNTIL), "the end of the old key")
                )
            case _:
                raise Malformed("this announces no key of a log")
        if found.key.type not in OF_LOGS:
            raise Malformed("what is announced is the key of a witness")
        known = [
            each for each in policy.logs if each.name == found.key.name and each.type is SignatureType.ED25519
        ]
        if not known:
            raise BadSignature(f"the policy names no key of {found.key.name} that could announce another")
        note.verified(known)
        return found
