"""The log's trees, files and witnesses under any sizes and any change of a bit."""

from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.merkle import MerkleTree, leaf_hash
from schemas.signing import Scheme
from schemas.signing_key import SigningKey
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.keys import Cosigner, LogSigner, QuantumSafeCosigner
from services.transparency.domain.note import BadSignature, Note, signature_of, signed_note
from services.transparency.domain.policy import Policy
from services.transparency.domain.proofs import consistent, included, is_subtree, subtree_consistent
from services.transparency.domain.tiles import (
    Bundle,
    Tile,
    TileTree,
    bundled,
    entries_of,
    grown,
    parse_path,
    path_of,
)
from services.transparency.domain.tlog_proof import NotIncluded, TlogProof
from services.transparency.domain.witnessing import NOTHING, AddCheckpoint, Head, Refused

ORIGIN = "log.example/lianyun"


def seeded(name: str) -> SigningKey:
    return SigningKey.from_seed(Scheme.ED25519, sha256(name.encode()).digest())


def entry(number: int) -> bytes:
    return f"entry {number}".encode()


class Log:
    """A log in memory, grown in steps."""

    def __init__(self, *steps: int) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.size = 0
        for step in steps:
            entries = [entry(at) for at in range(self.size, self.size + step)]
            self.tiles |= grown(self.size, entries, self.read)
            self.size += step

    def read(self, level: int, index: int) -> bytes:
        return self.tiles.get((level, index), b"")

    def tree(self, size: int | None = None) -> TileTree:
        return TileTree(self.size if size is None else size, self.read)


def naive(size: int) -> MerkleTree:
    return MerkleTree.over([leaf_hash(entry(at)) for at in range(size)])


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.data())
def test_a_log_grown_in_any_steps_is_the_tree_of_its_entries(steps: list[int], data: st.DataObject) -> None:
    log = Log(*steps)
    assert log.tiles == Log(log.size).tiles
    old = data.draw(st.integers(1, log.size))
    index = data.draw(st.integers(0, log.size - 1))
    tree, before = log.tree(), log.tree(old)
    assert tree.root == naive(log.size).root
    assert before.root == naive(old).root
    proof = tree.inclusion(index)
    assert tuple(proof) == naive(log.size).path(index)
    assert included(leaf_hash(entry(index)), index, log.size, proof, tree.root)
    assert consistent(old, log.size, before.root, tree.root, tree.consistency(old))


def test_every_pair_of_small_trees_is_consistent_and_no_other_proof_is() -> None:
    log = Log(66)
    for new in range(1, 67):
        tree = log.tree(new)
        for old in range(1, new + 1):
            proof, roots = tree.consistency(old), (log.tree(old).root, tree.root)
            assert consistent(old, new, *roots, proof)
            wrong = [
                (old, new, roots[1], roots[0], proof),
                (old, new, *roots, [*proof, roots[0]]),
                (old, new, *roots, proof[:-1]),
                (old, new, *roots, [bytes(32), *proof[1:]]),
                (old - 1, new, *roots, proof),
            ]
            # What is the same in both forms is no change: equal roots swapped, nothing to leave out or replace.
            differs = [0] * (roots[0] != roots[1]) + [1] + [2, 3] * bool(proof) + [4]
            for at in differs:
                assert not consistent(*wrong[at]), (old, new, at)


@given(st.integers(1, 600), st.data())
def test_a_subtree_is_in_its_tree(size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(start + 1, size))
    log = Log(size)
    if not is_subtree(start, end):
        return
    root = MerkleTree.over([leaf_hash(entry(at)) for at in range(start, end)]).root
    assert log.tree().subtree(start, end) == root
    assert subtree_consistent(start, end, end, root, root, []) is (start == 0)


@given(st.integers(0, 62), st.integers(0, 10**12), st.integers(1, 256))
def test_a_place_has_one_path(level: int, index: int, width: int) -> None:
    for place in (Tile(level, index, width), Bundle(index, width)):
        assert parse_path(path_of(place)) == place


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/1", "tile/00/001", "tile/0/x000/001", "tile/64/001", "tile/0/001.p/0", "tile/0/001.p/256", "tile/0/001.p/01",
        "tile/0/x001", "tile/0/001/", "/tile/0/001", "tile/entries/01", "tile/0/٠٠١", "tile/0/001.p/", "tile//001",
    ],
)  # fmt: skip
def test_no_other_path_leads_to_a_tile(path: str) -> None:
    with pytest.raises(Malformed):
        parse_path(path)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_holds_its_entries(entries: list[bytes]) -> None:
    assert entries_of(bundled(entries)) == entries


LOG_KEY = LogSigner(ORIGIN, seeded("log"))
WITNESSES = [Cosigner(f"witness{at}.example", seeded(f"w{at}")) for at in range(4)]
QUANTUM = QuantumSafeCosigner("witness-q.example", sha256(b"q").digest())


def policy(quorum: str) -> Policy:
    lines = [f"log {LOG_KEY.verifier} http://127.0.0.1:1/"]
    lines += [f"witness w{at} {each.verifier}" for at, each in enumerate(WITNESSES)]
    lines += [f"witness q {QUANTUM.verifier}", "group rail 1 w0 w1", "group customs all w2 w3"]
    return Policy.parse(
        "\n".join([*lines, "# both sides", "group both all rail customs", f"quorum {quorum}"]).encode()
    )


def receipt(index: int, size: int, by: list[int]) -> tuple[bytes, bytes]:
    tree = Log(size).tree()
    note = signed_note(Checkpoint(ORIGIN, size, tree.root).text, [LOG_KEY], 0)
    cosigned = tuple(signature_of(note.text, WITNESSES[at], 1_700_000_000 + at) for at in by)
    whole = Note(note.text, note.signatures + cosigned)
    return entry(index), str(TlogProof(index, tuple(tree.inclusion(index)), whole)).encode()


@pytest.mark.parametrize(
    ("by", "good"), [([0, 2, 3], True), ([0, 1, 2, 3], True), ([0, 1], False), ([2, 3], False), ([], False)]
)
def test_a_receipt_stands_on_the_quorum_of_its_policy(by: list[int], good: bool) -> None:
    said, raw = receipt(7, 300, by)
    assert str(TlogProof.parse(raw)).encode() == raw
    if good:
        trusted = TlogProof.parse(raw).verified(said, policy("both"))
        assert trusted.checkpoint.size == 300
        assert set(trusted.witnesses) == {f"w{at}" for at in by}
        assert trusted.since == 1_700_000_000 + min(by)
    else:
        with pytest.raises(BadSignature, match="quorum both is not met"):
            TlogProof.parse(raw).verified(said, policy("both"))
    assert TlogProof.parse(raw).verified(said, policy("none")).checkpoint.size == 300


def test_a_quantum_safe_cosignature_covers_the_tree_and_the_name() -> None:
    text = Checkpoint(ORIGIN, 5, Log(5).tree().root).text
    note = signed_note(text, [LOG_KEY, QUANTUM], 1_700_000_000)
    trusted = policy("q").trusted(Note.parse(str(note).encode()))
    assert trusted.witnesses == {"q": 1_700_000_000}
    other = signed_note(Checkpoint(ORIGIN, 6, Log(6).tree().root).text, [LOG_KEY], 0)
    with pytest.raises(BadSignature, match=r"witness-q\.example does not verify"):
        policy("q").trusted(Note(other.text, (*other.signatures, note.signatures[1])))


def test_no_bit_of_a_receipt_can_change() -> None:
    """Every bit of it: what is left is refused, or is the same receipt (a name of the log's own, never covered, is none)."""
    said, raw = receipt(3, 9, [0, 2, 3])
    trust = policy("both")
    for at in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises((Malformed, BadSignature, NotIncluded)):
            TlogProof.parse(bytes(changed)).verified(said, trust)
    for at in range(len(said) * 8):
        other = bytearray(said)
        other[at // 8] ^= 1 << at % 8
        with pytest.raises(NotIncluded):
            TlogProof.parse(raw).verified(bytes(other), trust)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no quorum"),
        ("quorum none\nquorum none", "line 2 .*second quorum"),
        ("quorum w9", "w9 is not defined"),
        ("group g 2 a", "a is not defined"),
        (f"witness none {WITNESSES[0].verifier}", "none is taken"),
        (f"witness a {LOG_KEY.verifier}", "does not sign as this line needs"),
        (f"log {WITNESSES[0].verifier}", "does not sign as this line needs"),
        (f"witness a {WITNESSES[0].verifier}\nwitness b {WITNESSES[0].verifier}", "listed twice"),
        (f"witness a {WITNESSES[0].verifier}\ngroup g 2 a", "threshold is 1 to 1"),
        (f"witness a {WITNESSES[0].verifier}\ngroup g 0 a", "threshold is 1 to 1"),
        (f"witness a {WITNESSES[0].verifier}\ngroup g 1 a\ngroup h 1 a", "already a member"),
        ("quorum none\r", "control character"),
        ("trust everybody", "no line of a policy"),
    ],
)
def test_a_policy_that_says_nothing_clear_is_refused(text: str, fault: str) -> None:
    with pytest.raises(Malformed, match=fault):
        Policy.parse(text.encode())


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans()), max_size=12))
def test_a_witness_holds_one_history(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever it is sent, of this log or of another under the same key: its heads are of one growing tree."""
    honest, forked = Log(40), {at: sha256(bytes([at])).digest() for at in range(41)}
    held, heads = NOTHING, []
    for old, new, honestly in steps:
        root = honest.tree(new).root if honestly else forked[new]
        proof = honest.tree(new).consistency(old) if honestly and old <= new else []
        request = AddCheckpoint.of(old, proof, signed_note(Checkpoint(ORIGIN, new, root).text, [LOG_KEY], 0))
        again = AddCheckpoint.parse(str(request).encode())
        again.require_signed({ORIGIN: [LOG_KEY.verifier]})
        if old > new or old != held.size:
            with pytest.raises(Refused) as refused:
                again.continued(held)
            assert refused.value.status == (400 if old > new else 409)
            continue
        with suppress(Refused):
            held = again.continued(held)
            heads.append(held)
    assert heads == sorted(heads, key=lambda head: head.size)
    assert len({head.size: head for head in heads}) == len(set(heads))
    if heads and heads[0].size and heads[0] == Head(heads[0].size, honest.tree(heads[0].size).root):
        assert all(head.root == honest.tree(head.size).root for head in heads)


def test_a_witness_cosigns_for_known_logs_only() -> None:
    note = signed_note(Checkpoint(ORIGIN, 1, Log(1).tree().root).text, [LOG_KEY], 0)
    request = AddCheckpoint.of(0, [], note)
    with pytest.raises(Refused) as unknown:
        request.require_signed({})
    with pytest.raises(Refused) as forged:
        request.require_signed({ORIGIN: [LogSigner(ORIGIN, seeded("other")).verifier]})
    assert (unknown.value.status, forged.value.status) == (404, 403)
    with pytest.raises(Refused) as garbage:
        AddCheckpoint.parse(b"old 01\n\n" + str(note).encode())
    assert garbage.value.status == 400
    with pytest.raises(Refused) as ahead:
        request.continued(Head(3, bytes(32)))
    assert (ahead.value.status, ahead.value.body, ahead.value.media_type) == (409, "3\n", "text/x.tlog.size")
