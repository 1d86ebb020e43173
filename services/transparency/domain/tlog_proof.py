"""Proofs of logging as files: an entry's place, its inclusion proof and a cosigned checkpoint (C2SP tlog-proof)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.merkle import leaf_hash
from services.transparency.domain.encoding import Malformed, binary, decimal, digest, spelled
from services.transparency.domain.note import Note
from services.transparency.domain.policy import Policy, Trusted
from services.transparency.domain.proofs import included

HEADER: Final = "c2sp.org/tlog-proof@v1"
MOST_HASHES: Final = 63


class NotIncluded(ValueError):
    """An entry that the tree of the checkpoint does not hold at the stated place."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    """That an entry is at ``index`` of the log whose ``checkpoint`` is attached; proves nothing until ``verified``.

    ``extra`` is covered by no signature.
    """

    index: int
    proof: tuple[bytes, ...]
    checkpoint: Note
    extra: bytes = b""

    def __str__(self) -> str:
        extra = f"extra {spelled(self.extra)}\n" if self.extra else ""
        hashes = "".join(f"{spelled(each)}\n" for each in self.proof)
        return f"{HEADER}\n{extra}index {self.index}\n{hashes}\n{self.checkpoint}"

    @classmethod
    def parse(cls, raw: bytes) -> TlogProof:
        """The proof of a file; Malformed where it is none."""
        head, empty, note = raw.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise Malformed("the head of a proof is ASCII") from None
        if not empty or lines.pop(0) != HEADER or not lines:
            raise Malformed(f"a proof of logging begins with {HEADER}")
        extra = b""
        if lines[0].startswith("extra "):
            extra = binary(lines.pop(0).removeprefix("extra "), "the extra data")
            if not extra:
                raise Malformed("the line of extra data is empty")
        if not lines or not lines[0].startswith("index "):
            raise Malformed("a proof of logging names the index of its entry")
        index = decimal(lines.pop(0).removeprefix("index "), "the index")
        if len(lines) > MOST_HASHES:
            raise Malformed(f"a proof has at most {MOST_HASHES} hashes")
        return cls(
            index, tuple(digest(line, "a hash of the proof") for line in lines), Note.parse(note), extra
        )

    def verified(self, entry: bytes, policy: Policy) -> Trusted:
        """The checkpoint that holds the entry, trusted by the policy.

        BadSignature where the policy does not trust it, NotIncluded where it does not hold the entry, Malformed where it is none.
        """
        trusted = policy.trusted(self.checkpoint)
        tree = trusted.checkpoint
        if not included(leaf_hash(entry), self.index, tree.size, self.proof, tree.root):
            raise NotIncluded(f"the entry is not at {self.index} of the log of {tree.size} entries")
        return trusted
