"""Merkle trees as in RFC 6962: hashes, the root of a list, and the path that proves one entry is in it.

A left-over node at the end of a level is promoted to the next level unchanged, never duplicated, which
gives the same trees as the split at the largest power of two (RFC 6962, 2.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256().digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the 32-byte hash of an entry; its 0x00 prefix keeps an inner node from passing as an entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of an inner node over the hashes of its two children."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class MerkleTree:
    """A tree over leaf hashes in their order: all levels, from the leaves up to the root."""

    levels: tuple[tuple[bytes, ...], ...]

    @classmethod
    def over(cls, leaves: Sequence[bytes]) -> "MerkleTree":
        """Build the tree over 32-byte leaf hashes; linear in their number."""
        levels = [tuple(leaves)]
        while len(levels[-1]) > 1:
            below = levels[-1]
            paired = [node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
            levels.append((*paired, below[-1]) if len(below) % 2 else tuple(paired))
        return cls(tuple(levels))

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self.levels[0])

    @property
    def root(self) -> bytes:
        """The 32-byte root; SHA-256 of nothing for an empty tree."""
        return self.levels[-1][0] if self.size else EMPTY_ROOT

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the hashes beside the way from leaf `index` (from 0) to the root, lowest first."""
        if not 0 <= index < self.size:
            raise IndexError(f"leaf {index} of a tree with {self.size} leaves")
        siblings = []
        for level in self.levels[:-1]:
            if (beside := index ^ 1) < len(level):
                siblings.append(level[beside])
            index >>= 1
        return tuple(siblings)


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to from a leaf hash, or None when the path cannot belong to that place.

    Exactly the hashes that leaf `index` of `size` needs must be there. The caller compares the result with
    a root that it trusts *together with its size*. Source: RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    node, last, used, given = leaf, size - 1, 0, len(path)
    while last:
        if index & 1 or index < last:
            if used == given:
                return None
            beside = path[used]
            if len(beside) != HASH_BYTES:
                return None
            used += 1
            # `node_hash`, written out: this is most of what a message of a batch costs.
            node = sha256(b"\x01" + (beside + node if index & 1 else node + beside)).digest()
        index >>= 1
        last >>= 1
    return node if used == given else None
