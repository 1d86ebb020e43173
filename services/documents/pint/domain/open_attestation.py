"""Documents as evidence by OpenAttestation 2.0 (TradeTrust): wrapped, each value salted, under one digest that withholding does not change.

An export is evidence of what the document says, and never control of it: nothing here is a token, and there is no registry on a chain.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from Crypto.Hash import keccak

from services.documents.pint.domain.signed_content import BadContent

SCHEMA: Final = "https://schema.openattestation.com/2.0/schema.json"
NOTICE: Final = (
    "Evidence of what the document says, not the document: whoever has this file controls nothing. "
    "The register of control says who does."
)
_SEPARATOR: Final = "."


def wrapped(document: Mapping[str, Any], secret: bytes) -> dict[str, Any]:
    """The document, wrapped: values salted, with the digest as target and, alone in its tree, as root.

    Salts are made of ``secret``, the document and the place of the value: the same document is wrapped the same. Raises BadContent
    for a name with a dot, which the paths of the format cannot tell from a place.
    """
    seed = hmac.new(secret, json.dumps(document, sort_keys=True).encode(), sha256).digest()
    data = {name: _salted(value, seed, name) for name, value in document.items()}
    digest = digest_of(data, ())
    return {
        "version": SCHEMA,
        "data": data,
        "signature": {"type": "SHA3MerkleProof", "targetHash": digest, "proof": [], "merkleRoot": digest},
    }


def withheld(wrapped_document: Mapping[str, Any], paths: Collection[str]) -> dict[str, Any]:
    """The same without the members at ``paths`` (``issuers.0.name``), whose digests stay; LookupError for a path that is not there.

    No path is below another one.
    """
    data = wrapped_document["data"]
    hashes = [
        _hash({place: value})
        for path in sorted(set(paths))
        for place, value in _leaves(_at(data, path), path)
    ]
    before = wrapped_document.get("privacy", {}).get("obfuscatedData", [])
    kept = _without(data, frozenset(paths), "")
    return {**wrapped_document, "data": kept, "privacy": {"obfuscatedData": [*before, *hashes]}}


def intact(wrapped_document: Mapping[str, Any]) -> bool:
    """Whether what is there, and the digests of what is withheld, give the digest that the file states."""
    try:
        stated = wrapped_document["signature"]
        hidden = wrapped_document.get("privacy", {}).get("obfuscatedData", [])
        digest = digest_of(wrapped_document["data"], hidden)
        current = digest
        for sibling in stated["proof"]:
            current = _keccak(b"".join(sorted((bytes.fromhex(current), bytes.fromhex(sibling)))))
        return bool(stated["targetHash"] == digest and stated["merkleRoot"] == current)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def plain(value: Any) -> Any:
    """The document without salts, as the schema describes it; BadContent for a value that was not salted."""
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    _, kind, text = (*str(value).split(":", 2), "", "")[:3]
    if kind == "string":
        return text
    if kind in ("number", "boolean", "null"):
        return json.loads(text)
    raise BadContent("a value of the document is not salted")


def digest_of(data: Mapping[str, Any], hidden: Collection[str]) -> str:
    """Keccak-256 over the sorted digests of all values, in hex."""
    hashes = sorted([*hidden, *(_hash({path: value}) for path, value in _leaves(data))])
    return _keccak(_text(hashes))


def _salted(value: Any, seed: bytes, path: str) -> Any:
    if isinstance(value, Mapping):
        if dotted := next((name for name in value if _SEPARATOR in name), None):
            raise BadContent(f"the name {dotted!r} has a dot")
        return {name: _salted(member, seed, f"{path}.{name}") for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_salted(member, seed, f"{path}.{place}") for place, member in enumerate(value)]
    salt = UUID(bytes=hmac.new(seed, path.encode(), sha256).digest()[:16], version=4)
    if isinstance(value, str):
        return f"{salt}:string:{value}"
    kind = "null" if value is None else "boolean" if isinstance(value, bool) else "number"
    return f"{salt}:{kind}:{json.dumps(value)}"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The salted values by their paths, in the order of the document."""
    members = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    )
    if members is None:
        yield path, value
        return
    for name, member in members:
        yield from _leaves(member, f"{path}.{name}" if path else str(name))


def _at(data: Any, path: str) -> Any:
    """What is at a path; LookupError where nothing is, or an element of a list, which would move what follows."""
    *above, name = path.split(_SEPARATOR)
    for each in above:
        data = data[int(each) if isinstance(data, list) else each]
    if not isinstance(data, Mapping) or name not in data:
        raise LookupError(f"the document has no member {path}")
    return data[name]


def _without(value: Any, gone: Collection[str], path: str) -> Any:
    if isinstance(value, list):
        return [_without(member, gone, f"{path}{place}.") for place, member in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    return {
        name: _without(member, gone, f"{path}{name}.")
        for name, member in value.items()
        if f"{path}{name}" not in gone
    }


def _hash(value: object) -> str:
    return _keccak(_text(value))


def _text(value: object) -> bytes:
    """As JSON.stringify writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _keccak(content: bytes) -> str:
    return keccak.new(digest_bits=256, data=content).hexdigest()
