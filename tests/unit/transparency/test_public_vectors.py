"""The formats of the log against what others made: trees, notes, tiles, cosignatures and a witness's answers."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.keys import SignatureType, VerifierKey
from services.transparency.domain.note import BadSignature, Note
from services.transparency.domain.proofs import (
    consistent,
    included,
    included_in_subtree,
    subtree_consistent,
)
from services.transparency.domain.tiles import TileTree, entries_of, grown
from services.transparency.domain.witnessing import NOTHING, AddCheckpoint, Head, Refused

TLOG = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "tlog"
pytestmark = pytest.mark.skipif(
    not TLOG.is_dir(), reason="the public vectors of logs are not beside this checkout"
)
NOTES = json.loads((TLOG / "c2sp-note-examples.json").read_text()) if TLOG.is_dir() else []


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def cases(kind: str) -> list[tuple[str, dict[str, Any]]]:
    folder = TLOG / "merkle-vectors" / "testdata" / kind
    return [
        (str(path.relative_to(folder)), json.loads(path.read_text()))
        for path in sorted(folder.rglob("*.json"))
    ]


def test_inclusion_in_a_tree() -> None:
    found = cases("inclusion")
    for name, case in found:
        proof = [raw(each) for each in case["proof"] or []]
        good = included(raw(case["leafHash"]), case["leafIdx"], case["treeSize"], proof, raw(case["root"]))
        assert good is not case["wantErr"], name
    assert len(found) == 98


def test_consistency_of_trees() -> None:
    found = cases("consistency")
    for name, case in found:
        proof = [raw(each) for each in case["proof"] or []]
        good = consistent(case["size1"], case["size2"], raw(case["root1"]), raw(case["root2"]), proof)
        assert good is not case["wantErr"], name
    assert len(found) == 98


def test_inclusion_in_a_subtree() -> None:
    found = cases("subtreeinclusion")
    for name, case in found:
        proof = [raw(each) for each in case["proof"] or []]
        good = included_in_subtree(
            raw(case["leafHash"]), case["leafIdx"], case["start"], case["end"], proof, raw(case["root"])
        )
        assert good is not case["wantErr"], name
    assert len(found) == 204


def test_consistency_of_a_subtree() -> None:
    found = cases("subtreeconsistency")
    for name, case in found:
        proof = [raw(each) for each in case["proof"] or []]
        good = subtree_consistent(
            case["start"], case["end"], case["size"], raw(case["root1"]), raw(case["root2"]), proof
        )
        assert good is not case["wantErr"], name
    assert len(found) == 118


@pytest.mark.parametrize("example", NOTES, ids=lambda each: each["name"])
def test_notes_of_others_verify_and_no_changed_one(example: dict[str, str]) -> None:
    key = VerifierKey.parse(example["vkey"])
    assert str(key) == example["vkey"]
    note = Note.parse(example["note"].encode())
    assert str(note) == example["note"]
    (found,) = note.verified([key])
    stated = re.search(r"ts=(\d+)", example["kind"])
    assert found.time == (int(stated[1]) if stated else 0)
    with pytest.raises(BadSignature):
        Note(note.text.replace("e", "a", 1), note.signatures).verified([key])


def test_the_log_of_tessera_at_each_of_its_sizes() -> None:
    folder = TLOG / "tessera-log" / "testdata" / "log"
    key = VerifierKey.parse(NOTES[2]["vkey"])
    entries = entries_of((folder / "tile/entries/000.p/15").read_bytes())
    tiles: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        return tiles.get((level, index), b"")

    for size in range(1, 16):
        tiles.update(grown(size - 1, entries[size - 1 : size], read))
        assert tiles[0, 0] == (folder / f"tile/0/000.p/{size}").read_bytes()
        note = Note.parse((folder / f"checkpoint.{size}").read_bytes())
        note.verified([key])
        tree = TileTree(size, read)
        assert Checkpoint.parse(note.text) == Checkpoint("example.com/log/testdata", size, tree.root)


def test_the_mirror_of_sunlight() -> None:
    (folder,) = (TLOG / "sunlight/cmd/skylight/testdata/witness/mirror").glob("000de*")
    stored = {
        (level, index): (folder / f"tile/{level}/{path}").read_bytes()
        for level, index, path in ((0, 0, "000"), (0, 1, "001.p/44"), (1, 0, "000.p/1"))
    }
    checkpoint = Checkpoint.parse(Note.parse((folder / "checkpoint").read_bytes()).text)
    tree = TileTree(checkpoint.size, lambda level, index: stored[level, index])
    assert (checkpoint.size, tree.root) == (300, checkpoint.root)
    leaf = stored[0, 1][-32:]
    assert included(leaf, 299, 300, tree.inclusion(299), checkpoint.root)


def requests() -> list[tuple[bytes, int]]:
    script = (TLOG / "torchwood-witness/cmd/litewitness/testdata/litewitness.txt").read_text()
    found = re.findall(r"POST \S+/add-checkpoint\n```\n(.*?)```\nHTTP (\d+)", script, re.DOTALL)
    return [(body.encode(), int(status)) for body, status in found]


def test_a_witness_answers_as_litewitness_does() -> None:
    """Its script in order. Where it answered otherwise than the specification says, the specification counts."""
    asked = requests()
    origin = AddCheckpoint.parse(asked[0][0]).checkpoint.origin
    key = sigsum_key(asked[0][0])
    held = NOTHING
    differ = []
    for number, (body, expected) in enumerate(asked):
        try:
            request = AddCheckpoint.parse(body)
            request.require_signed({origin: [key]})
            held, status = request.continued(held), 200
        except Refused as refused:
            status = refused.status
        if status != expected:
            differ.append((number, expected, status))
    assert len(asked) >= 8
    assert held == Head(5, held.root)
    # A signature in Base64 that is not canonical is no note here; an unknown log is 404 in the specification.
    assert differ == [(1, 403, 400), (2, 403, 404)]


def sigsum_key(body: bytes) -> VerifierKey:
    """The key of the script's log, as its command line names it."""
    script = (TLOG / "torchwood-witness/cmd/litewitness/testdata/litewitness.txt").read_text()
    stated = re.search(r"add-sigsum-log -key=([0-9a-f]{64})", script)
    assert stated is not None
    return VerifierKey(
        AddCheckpoint.parse(body).checkpoint.origin, SignatureType.ED25519, bytes.fromhex(stated[1])
    )


def test_ml_dsa_44_as_the_public_cases_say() -> None:
    groups = json.loads((TLOG / "wycheproof/testvectors_v1/mldsa_44_verify_test.json").read_text())[
        "testGroups"
    ]
    checked = 0
    for group in groups:
        for case in group["tests"]:
            context = bytes.fromhex(case["ctx"]) if "ctx" in case else None
            try:
                key = MLDSA44PublicKey.from_public_bytes(bytes.fromhex(group["publicKey"]))
                key.verify(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]), context)
                good = True
            except (InvalidSignature, ValueError):
                good = False
            assert good is (case["result"] == "valid"), (case["tcId"], case["comment"])
            checked += 1
    assert checked == 180
