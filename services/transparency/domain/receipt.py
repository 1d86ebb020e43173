"""A receipt as a file: the document, the salt, and the proof of logging, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from services.transparency.domain.encoding import Malformed, binary, spelled
from services.transparency.domain.entry import Document, Entry, Kind
from services.transparency.domain.policy import Policy, Trusted
from services.transparency.domain.tlog_proof import TlogProof

FORMAT: Final = "lianyun-receipt-v1"
_TEXTS: Final = ("kind", "place", "key", "text", "salt", "identity", "proof")


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
        document = self.document
        return {
            "format": FORMAT,
            "kind": str(document.kind),
            "place": document.place,
            "at": document.at,
            "key": document.key,
            "identity": spelled(document.identity),
            "salt": spelled(document.salt),
            "text": spelled(document.text),
            "proof": str(self.proof),
        }

    @classmethod
    def of_json(cls, found: object) -> Receipt:
        """The receipt of an object; Malformed where it is none."""
        if (
            not isinstance(found, dict)
            or found.get("format") != FORMAT
            or set(found) != {"format", "at", *_TEXTS}
        ):
            raise Malformed(f"a receipt is an object of the format {FORMAT} with {', '.join(_TEXTS)} and at")
        if not all(isinstance(found[name], str) for name in _TEXTS) or type(found["at"]) is not int:
            raise Malformed("the values of a receipt are texts, and its time a whole number")
        try:
            kind = Kind(found["kind"])
        except ValueError:
            raise Malformed("a receipt of a kind that is not known here") from None
        text, salt, identity = (binary(found[name], f"the {name}") for name in ("text", "salt", "identity"))
        document = Document(kind, found["place"], text, salt, identity, found["key"], found["at"])
        return cls(document, TlogProof.parse(found["proof"].encode()))

    def verified(self, policy: Policy) -> Proven:
        """What the receipt proves under a policy. BadSignature, NotIncluded, Malformed where it proves nothing."""
        trusted = self.proof.verified(Entry.of(self.document).raw, policy)
        return Proven(self.document, self.proof.index, trusted)
