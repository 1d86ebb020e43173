"""Signed events of the past are verified and read for ever, to the values they had.

When a version is superseded, decoding gives the newer value: its line then gets a second expectation beside the first,
never instead of it.
"""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

from schemas.envelope import read_headers, signed_bytes
from schemas.events.catalogue import CATALOGUE
from schemas.events.decode import decode_payload
from schemas.schemes import Scheme
from schemas.signature_header import parse_header
from schemas.signing import verify
from schemas.signing_key import SigningKey
from tests.support.invariants import holds_for

FOLDER = Path(__file__).resolve().parents[2] / "data" / "corpus"
CORPUS = FOLDER / "signed.jsonl"
LINES = CORPUS.read_text(encoding="utf-8").splitlines()
ENTRIES = [json.loads(line) for line in LINES]
NEWER = {
    entry["type"]: entry
    for entry in map(json.loads, (FOLDER / "newer.jsonl").read_text(encoding="utf-8").splitlines())
}
"""What the frozen events of superseded versions are read as today; what they were read as stands in the corpus."""
KEY = SigningKey.from_seed(Scheme.ED25519, bytes(range(32))).public

FROZEN = 101
DIGEST = "0a26360d1ebd9c0663ba11555642a42d6d7d40a1fcbcc96e32d6911ebc55d227"
"""SHA-256 of the first FROZEN lines: a rewritten past shows here."""


def headers(entry: dict[str, Any]) -> list[tuple[str, bytes | None]]:
    return [(name, value.encode()) for name, value in entry["headers"]]


@holds_for({entry["type"]: entry for entry in ENTRIES})
def test_it_is_still_proven_and_read(entry: dict[str, Any]) -> None:
    raw = b64decode(entry["payload_b64"])
    envelope, signature = read_headers(headers(entry))
    verify(parse_header(signature), KEY, signed_bytes("demo", envelope, raw))
    first = CATALOGUE[entry["type"]].model_validate(json.loads(raw))
    assert first.model_dump(mode="json", by_alias=True) == entry["value"]
    payload = decode_payload(entry["type"], raw)
    newest = NEWER.get(entry["type"], {"as": entry["type"], "value": entry["value"]})
    assert payload.spec.type == newest["as"]
    assert payload.model_dump(mode="json", by_alias=True) == newest["value"]


def test_the_past_is_not_rewritten() -> None:
    assert sha256("\n".join(LINES[:FROZEN]).encode()).hexdigest() == DIGEST


def test_every_type_has_a_frozen_event() -> None:
    missing = set(CATALOGUE) - {entry["type"] for entry in ENTRIES}
    assert not missing, "run `python tests/data/corpus/freeze.py`"
