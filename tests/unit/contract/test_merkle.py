"""RFC 6962 trees: against the recursive definition, and against public vectors where they are at hand."""

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest

from schemas.merkle import EMPTY_ROOT, MerkleTree, leaf_hash, node_hash, root_from_path

VECTORS = (
    Path(__file__).resolve().parents[3].parent / "shared" / "data" / "tlog" / "merkle-vectors" / "testdata"
)


def defined_root(leaves: list[bytes]) -> bytes:
    """The root as RFC 6962, 2.1 defines it: split at the largest power of two below the size."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + defined_root(leaves[:split]) + defined_root(leaves[split:])).digest()


LEAVES = [leaf_hash(bytes([n])) for n in range(130)]


@pytest.mark.parametrize("size", range(131))
def test_roots_follow_the_definition_and_every_path_leads_there(size: int) -> None:
    tree = MerkleTree.over(LEAVES[:size])
    assert tree.root == defined_root(LEAVES[:size])
    assert all(root_from_path(LEAVES[i], i, size, tree.path(i)) == tree.root for i in range(size))


def test_hashes_are_prefixed() -> None:
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(b"a", b"b") == sha256(b"\x01ab").digest()
    assert MerkleTree.over([]).root == EMPTY_ROOT


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 11, 64])
def test_a_path_belongs_to_one_place_only(size: int) -> None:
    tree = MerkleTree.over(LEAVES[:size])
    for index in range(size):
        path = tree.path(index)
        for other in {*range(-1, size + 1)} - {index}:
            assert root_from_path(LEAVES[index], other, size, path) != tree.root
        assert root_from_path(LEAVES[index], index, size, (*path, LEAVES[0])) is None
        if path:
            assert root_from_path(LEAVES[index], index, size, path[:-1]) is None
            assert root_from_path(LEAVES[index], index, size, (*path[:-1], path[-1][:-1])) is None
            assert root_from_path(LEAVES[index], index, size, (*path[:-1], path[0][::-1])) != tree.root


def test_no_path_for_a_leaf_that_is_not_there() -> None:
    with pytest.raises(IndexError):
        MerkleTree.over(LEAVES[:3]).path(3)
    with pytest.raises(IndexError):
        MerkleTree.over([]).path(0)


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the public RFC 6962 vectors are not beside this checkout")
def test_public_inclusion_vectors() -> None:
    files = sorted((VECTORS / "inclusion").rglob("*.json"))
    assert len(files) > 90
    for file in files:
        case = json.loads(file.read_text())
        path = [base64.b64decode(part) for part in case["proof"] or []]
        leaf, root = base64.b64decode(case["leafHash"] or ""), base64.b64decode(case["root"] or "")
        proved = len(leaf) == 32 and root_from_path(leaf, case["leafIdx"], case["treeSize"], path) == root
        assert proved is not case.get("wantErr", False), file.name
