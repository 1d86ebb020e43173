"""Add signed events of types that the corpus does not hold yet; what it holds is never written again.

``python tests/data/corpus/freeze.py`` after adding a type or version. ``newer.jsonl`` holds what frozen events of superseded
versions are read as since then. One line of ``signed.jsonl`` is one event as it would
lie in Kafka: headers with the signature, the payload bytes, and the value that decoding gave when it was frozen.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import orjson

from schemas.envelope import SIGNATURE_HEADER, Envelope, signed_bytes
from schemas.events.catalogue import CATALOGUE
from schemas.events.decode import decode_payload
from schemas.publishing.examples import example
from schemas.schemes import Scheme
from schemas.signing import sign
from schemas.signing_key import SigningKey

CORPUS = Path(__file__).resolve().parent / "signed.jsonl"
NEWER = CORPUS.with_name("newer.jsonl")
NETWORK = "demo"
KEY = SigningKey.from_seed(Scheme.ED25519, bytes(range(32)))
"""A key that everybody knows: the corpus proves reading, not secrecy."""


def held() -> list[dict[str, Any]]:
    """What the corpus holds, in the order of freezing."""
    lines = CORPUS.read_text(encoding="utf-8").splitlines() if CORPUS.exists() else []
    return [json.loads(line) for line in lines]


def frozen(type_: str) -> dict[str, Any]:
    """The example of ``type_`` as a signed event."""
    raw = orjson.dumps(example(type_))
    envelope = Envelope(
        specversion="1.0",
        id=f"frozen-{type_}",
        source="https://corpus.example/events",
        type=type_,
        time="2026-03-05T14:21:00+05:00",
        subject=None,
        datacontenttype="application/json",
    )
    signature = sign(KEY, signed_bytes(NETWORK, envelope, raw))
    headers = [*envelope.to_headers(), (SIGNATURE_HEADER, signature.encode())]
    return {
        "type": type_,
        "headers": [[name, value.decode()] for name, value in headers],
        "payload_b64": b64encode(raw).decode(),
        "value": decode_payload(type_, raw).model_dump(mode="json", by_alias=True),
    }


def superseded() -> list[dict[str, Any]]:
    """What the events of versions that have a newer one are read as; ``corpus`` says what they were read as."""
    read = (
        (entry["type"], decode_payload(entry["type"], b64decode(entry["payload_b64"]))) for entry in held()
    )
    return [
        {"type": type_, "as": payload.spec.type, "value": payload.model_dump(mode="json", by_alias=True)}
        for type_, payload in read
        if payload.spec.type != type_
    ]


def main() -> None:
    """Append what is missing."""
    known = {entry["type"] for entry in held()}
    with CORPUS.open("a", encoding="utf-8") as corpus:
        for type_ in sorted(set(CATALOGUE) - known):
            corpus.write(json.dumps(frozen(type_), ensure_ascii=False, separators=(",", ":")) + "\n")
    known_newer = NEWER.read_text(encoding="utf-8").splitlines() if NEWER.exists() else []
    frozen_already = {(entry["type"], entry["as"]) for entry in map(json.loads, known_newer)}
    with NEWER.open("a", encoding="utf-8") as newer:
        for entry in superseded():
            if (entry["type"], entry["as"]) not in frozen_already:
                newer.write(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
