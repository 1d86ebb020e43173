"""A witness: which checkpoints of a log it cosigns, given the last that it did (C2SP tlog-witness v1.0.0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas.merkle import EMPTY_ROOT
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.encoding import Malformed, decimal, digest, spelled
from services.transparency.domain.keys import VerifierKey
from services.transparency.domain.note import BadSignature, Note
from services.transparency.domain.proofs import consistent

MOST_HASHES: Final = 63
SIZE_TYPE: Final = "text/x.tlog.size"


class Head(NamedTuple):
    """The tree of a log that a witness cosigned last."""

    size: int
    root: bytes


NOTHING: Final = Head(0, EMPTY_ROOT)
"""What a witness has cosigned of a log that it never saw."""


class Refused(ValueError):
    """A request that gets no cosignature: the HTTP status of the protocol, and the body of the answer."""

    def __init__(self, status: int, body: str) -> None:
        self.status, self.body = status, body
        super().__init__(f"{status} {body.strip()}")

    @property
    def media_type(self) -> str:
        """The type of the body."""
        return SIZE_TYPE if self.status == 409 else "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size that the log believes the witness to hold, the proof from there, and the checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint

    def __str__(self) -> str:
        hashes = "".join(f"{spelled(each)}\n" for each in self.proof)
        return f"old {self.old}\n{hashes}\n{self.note}"

    @classmethod
    def of(cls, old: int, proof: Sequence[bytes], note: Note) -> AddCheckpoint:
        """The request for a note; Malformed where it is no checkpoint."""
        return cls(old, tuple(proof), note, Checkpoint.parse(note.text))

    @classmethod
    def parse(cls, raw: bytes) -> AddCheckpoint:
        """The request of a body; Refused 400 where it is none."""
        head, empty, note = raw.partition(b"\n\n")
        try:
            old, *hashes = head.decode("ascii").split("\n")
            if not empty or not old.startswith("old "):
                raise Malformed(
                    "a request begins with the line 'old SIZE' and has an empty line before the checkpoint"
                )
            if len(hashes) > MOST_HASHES:
                raise Malformed(f"a proof has at most {MOST_HASHES} hashes")
            size = decimal(old.removeprefix("old "), "the old size")
            return cls.of(size, [digest(each, "a hash of the proof") for each in hashes], Note.parse(note))
        except (Malformed, UnicodeDecodeError) as fault:
            raise Refused(400, f"{fault}\n") from None

    def require_signed(self, logs: Mapping[str, Sequence[VerifierKey]]) -> None:
        """Refused 404 where the origin is not among ``logs``, 403 where none of its keys signed. Needs no state."""
        keys = logs.get(self.checkpoint.origin)
        if keys is None:
            raise Refused(404, "unknown log\n")
        try:
            self.note.verified(keys)
        except BadSignature as fault:
            raise Refused(403, f"invalid signature: {fault}\n") from None

    def continued(self, held: Head) -> Head:
        """The head to hold from now on, where this checkpoint continues ``held``; Refused 400, 409 or 422 otherwise.

        The caller has held its log's state locked since it read ``held``, and stores the result before it answers.
        """
        new = Head(self.checkpoint.size, self.checkpoint.root)
        if self.old > new.size:
            raise Refused(400, "the old size is above the size of the checkpoint\n")
        if self.old != held.size:
            raise Refused(409, f"{held.size}\n")
        if held.size == 0:
            good = not self.proof and (new.size > 0 or new.root == EMPTY_ROOT)
        else:
            good = consistent(held.size, new.size, held.root, new.root, self.proof)
        if not good:
            raise Refused(422, "the consistency proof does not verify\n")
        return new
