"""Signed notes: a text and the signatures under it (C2SP signed-note v1.0.0)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.transparency.domain.encoding import Malformed, binary, spelled
from services.transparency.domain.keys import KEY_ID_BYTES, Signer, VerifierKey, fault_of_name

MOST_BYTES: Final = 1_000_000
MOST_SIGNATURES: Final = 100
_MARK: Final = "\u2014 "


class BadSignature(ValueError):
    """A note that a known key did not sign though it says so, or that no known key signed."""


class Signature(NamedTuple):
    """One line under a note: who signed, by which key, and what the key's type makes of the signature."""

    name: str
    key_id: bytes
    payload: bytes

    @property
    def line(self) -> str:
        """The line with its newline."""
        return f"{_MARK}{self.name} {spelled(self.key_id + self.payload)}\n"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """The signature of a line without its newline; Malformed where it is none."""
        name, space, encoded = line.removeprefix(_MARK).partition(" ")
        if not line.startswith(_MARK) or not space or fault_of_name(name):
            raise Malformed("a line of a signature is an em dash, a name and Base64")
        value = binary(encoded, f"the signature of {name}")
        if len(value) <= KEY_ID_BYTES:
            raise Malformed(f"the signature of {name} is empty")
        return cls(name, value[:KEY_ID_BYTES], value[KEY_ID_BYTES:])


class Verified(NamedTuple):
    """A signature of a known key, and the POSIX time that it states (0 where its type states none)."""

    key: VerifierKey
    time: int


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a newline, and 1 to 100 signatures, known or not."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(each.line for each in self.signatures)}"

    @classmethod
    def parse(cls, raw: bytes) -> Note:
        """The note of at most 1,000,000 bytes; Malformed where it is none. Verifies nothing."""
        if len(raw) > MOST_BYTES:
            raise Malformed(f"a note has at most {MOST_BYTES:,} bytes")
        try:
            whole = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("a note is UTF-8") from None
        if any(each < "\x20" and each != "\n" for each in whole):
            raise Malformed("a note holds no control character but newline")
        at = whole.rfind("\n\n")
        if at < 0 or not whole.endswith("\n"):
            raise Malformed("a note is a text, an empty line and signatures, each line ended by a newline")
        lines = whole[at + 2 : -1].split("\n")
        if len(lines) > MOST_SIGNATURES:
            raise Malformed(f"a note has at most {MOST_SIGNATURES} signatures")
        return cls(whole[: at + 1], tuple(Signature.parse(line) for line in lines))

    def verified(self, keys: Iterable[VerifierKey]) -> tuple[Verified, ...]:
        """The signatures of known keys, one for each key. Signatures of other keys are ignored.

        BadSignature where a signature names a known key that did not make it, or no known key signed.
        """
        known = {(key.name, key.id): key for key in keys}
        found: dict[VerifierKey, Verified] = {}
        for each in self.signatures:
            key = known.get((each.name, each.key_id))
            if key is None:
                continue
            time = key.signed(self.text, each.payload)
            if time is None:
                raise BadSignature(f"the signature of {each.name} does not verify")
            found.setdefault(key, Verified(key, time))
        if not found:
            raise BadSignature("no known key signed this note")
        return tuple(found.values())


def signed_note(text: str, signers: Iterable[Signer], time: int) -> Note:
    """The note of a text under the signatures of signers, in their order."""
    return Note(text, tuple(signature_of(text, signer, time) for signer in signers))


def signature_of(text: str, signer: Signer, time: int) -> Signature:
    """The signature of one signer under a text."""
    key = signer.verifier
    return Signature(key.name, key.id, signer.sign(text, time))
