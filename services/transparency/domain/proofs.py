"""Proofs between trees: that an entry is in a tree, and that a tree continues another, verified.

Trees are those of RFC 6962; a subtree is the part over leaves [start, end) where ``start`` is a multiple of the smallest power of two
that holds its leaves. Sources: RFC 9162, 2.1.3.2 and 2.1.4.2, and for subtrees draft-ietf-plants-merkle-tree-certs, 4.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.merkle import EMPTY_ROOT, HASH_BYTES, node_hash, root_from_path


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf hash is at ``index`` of the tree of ``size`` leaves with this root."""
    return len(leaf) == HASH_BYTES and root_from_path(leaf, index, size, proof) == root


def included_in_subtree(
    leaf: bytes, index: int, start: int, end: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether the leaf hash is at ``index`` of a log whose subtree over [start, end) has this root."""
    return is_subtree(start, end) and included(leaf, index - start, end - start, proof, root)


def is_subtree(start: int, end: int) -> bool:
    """Whether [start, end) are the leaves of a subtree; the empty one is at every start."""
    if not 0 <= start <= end:
        return False
    width = end - start
    return width == 0 or start % (1 << (width - 1).bit_length()) == 0


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of ``new`` leaves continues the tree of ``old`` leaves, at least one: every tree continues the empty one."""
    return old > 0 and subtree_consistent(0, old, new, old_root, new_root, proof)


def subtree_consistent(
    start: int, end: int, size: int, subtree_root: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the tree of ``size`` leaves with this root has a subtree over [start, end) with that root."""
    if not is_subtree(start, end) or end > size or any(len(each) != HASH_BYTES for each in proof):
        return False
    if start == end:
        return not proof and subtree_root == EMPTY_ROOT
    # ``first`` and ``last`` are the nodes at the edges of the subtree, ``tree`` the one at the edge of the tree, level by level.
    first, last, tree = start, end - 1, size - 1
    shift = (first ^ last).bit_length() if last == tree else min((first ^ last).bit_length(), _ones(last))
    first, last, tree = first >> shift, last >> shift, tree >> shift
    rest = iter(proof)
    seed = subtree_root if first == last else next(rest, None)
    if seed is None:
        return False
    below, whole = seed, seed
    for beside in rest:
        if tree == 0:
            return False
        if last & 1 or last == tree:
            if first < last:
                below = node_hash(beside, below)
            whole = node_hash(beside, whole)
            while last and not last & 1:
                first, last, tree = first >> 1, last >> 1, tree >> 1
        else:
            whole = node_hash(whole, beside)
        first, last, tree = first >> 1, last >> 1, tree >> 1
    return tree == 0 and below == subtree_root and whole == root


def _ones(value: int) -> int:
    """How many of the lowest bits are set without a gap."""
    return (~value & (value + 1)).bit_length() - 1
