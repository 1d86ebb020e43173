"""A receipt as a file: the document, the salt, and the proof of logging, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from services.transparency.domain.encoding import Malformed, binary, spelled
from services.transparency.domain.entry import Document, Entry, Kind
from services.transparency.domain.policy import Policy, Trusted
from services.transparency.domain.tlog_proof import TlogProof

FORMAT: Final = "lianyun-receipt-v1"
_TEXTS: Final = ("kind", "place", "key", "text", "salt", "identity")
DOCUMENT: Final = frozenset({"at", *_TEXTS})
"""The members of a document as JSON."""
_RECEIPT: Final = DOCUMENT | {"format", "proof"}


class Proven(NamedTuple):
    """What a verified receipt proves: the document, the number of its entry, and the checkpoint that holds it."""

    document: Document
    entry: int
    trusted: Trusted


@dataclass(frozen=True, slots=True)
class Receipt:
    """A document and the proof that it was logged; proves nothing until ``verified``."""

    document: Document
    proof: TlogProof

    def as_json(self) -> dict[str, Any]:
        """The object of the file."""
        return {"format": FORMAT, **document_json(self.document), "proof": str(self.proof)}

    @classmethod
    def of_json(cls, found: object) -> Receipt:
        """The receipt of an object; Malformed where it is none."""
        if not isinstance(found, dict) or found.get("format") != FORMAT or set(found) != _RECEIPT:
            raise Malformed(
                f"a receipt is an object of the format {FORMAT} with {', '.join(sorted(_RECEIPT))}"
            )
        if not isinstance(found["proof"], str):
            raise Malformed("the proof of a receipt is a text")
        return cls(document_of_json(found), TlogProof.parse(found["proof"].encode()))

    def under(self, policy: Policy) -> Receipt:
        """The receipt with those signatures alone that the policy asks about: an ML-DSA-44 line is 3.3 kB."""
        return replace(self, proof=replace(self.proof, checkpoint=policy.lines_of(self.proof.checkpoint)))

    def verified(self, policy: Policy) -> Proven:
        """What the receipt proves under a policy. BadSignature, NotIncluded, Malformed where it proves nothing."""
        trusted = self.proof.verified(Entry.of(self.document).raw, policy)
        return Proven(self.document, self.proof.index, trusted)


def document_json(document: Document) -> dict[str, Any]:
    """A document as the members of an object."""
    return {
        "kind": str(document.kind),
        "place": document.place,
        "at": document.at,
        "key": document.key,
        "identity": spelled(document.identity),
        "salt": spelled(document.salt),
        "text": spelled(document.text),
    }


def document_of_json(found: Mapping[str, Any]) -> Document:
    """The document of an object that has its members; Malformed where one is not what it has to be."""
    if not all(isinstance(found[name], str) for name in _TEXTS) or type(found["at"]) is not int:
        raise Malformed("the values of a document are texts, and its time a whole number")
    try:
        kind = Kind(found["kind"])
    except ValueError:
        raise Malformed("a document of a kind that is not known here") from None
    text, salt, identity = (binary(found[name], f"the {name}") for name in ("text", "salt", "identity"))
    return Document(kind, found["place"], text, salt, identity, found["key"], found["at"])
