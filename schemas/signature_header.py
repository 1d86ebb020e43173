"""The signature header: its text form, read strictly, so that one signature has exactly one spelling."""

import re
from binascii import Error, a2b_base64, b2a_base64
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from schemas.envelope import SIGNATURE_HEADER
from schemas.merkle import HASH_BYTES
from schemas.reasons import Reason, Refusal
from schemas.schemes import SIGNATURE_BYTES, Scheme

MAX_BATCH: Final = 256
MAX_HEADER_BYTES: Final = 1_024
_SCHEMES = {scheme.value: scheme for scheme in Scheme}
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_COUNT = re.compile(r"0|[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True)
class BatchPlace:
    """Where one event stands in a signed batch: leaf `index` of `size`, under `root`, proved by `path`.

    `path` holds the concatenated 32-byte hashes, lowest first.
    """

    size: int
    index: int
    root: bytes
    path: bytes


@dataclass(frozen=True, slots=True)
class SignatureHeader:
    """A signature as carried by a message: the scheme it claims, the key's id, 64 bytes, and its place in a batch."""

    scheme: Scheme
    key_id: str
    signature: bytes
    batch: BatchPlace | None = None

    def __post_init__(self) -> None:
        if (self.batch is None) is (self.scheme is Scheme.ED25519_BATCH):
            raise ValueError(f"a place in a batch belongs to {Scheme.ED25519_BATCH} and to nothing else")

    def render(self) -> str:
        """Return the ASCII value of the header."""
        text = f"v1;{self.scheme};{self.key_id};{_base64(self.signature)}"
        if self.batch is None:
            return text
        place = self.batch
        return f"{text};{place.size};{place.index};{_base64(place.root)};{_base64(place.path)}"


def parse_header(value: bytes) -> SignatureHeader:
    """Read a signature header; raise Refusal MALFORMED_SIGNATURE, or UNSUPPORTED_SCHEME for a version or scheme not known.

    Only the canonical spelling passes: padded standard base64 without loose bits, numbers without leading
    zeros, no spaces. The scheme is what the message claims; `verify` holds it against the key.
    """
    if len(value) > MAX_HEADER_BYTES:
        raise _malformed(f"it has {len(value)} bytes, more than {MAX_HEADER_BYTES}")
    try:
        fields = value.decode("ascii").split(";")
    except UnicodeDecodeError:
        raise _malformed("it holds bytes outside ASCII") from None
    if fields[0] != "v1" and re.fullmatch(r"v[0-9]{1,3}", fields[0], re.ASCII):
        raise _refuse(
            Reason.UNSUPPORTED_SCHEME, f"The signature format {fields[0]} is not known here, only v1."
        )
    if fields[0] != "v1" or len(fields) < 4:
        raise _malformed("it does not start with v1;<scheme>;<key id>;<signature>")
    scheme = _SCHEMES.get(fields[1])
    if scheme is None:
        known = ", ".join(_SCHEMES)
        raise _refuse(
            Reason.UNSUPPORTED_SCHEME, f"The scheme {fields[1][:32]!r} is not known; known are {known}."
        )
    expected = 8 if scheme is Scheme.ED25519_BATCH else 4
    if len(fields) != expected:
        raise _malformed(f"{scheme} has {expected} fields, not {len(fields)}")
    if not _KEY_ID.fullmatch(fields[2]):
        raise _malformed("the key id is not 16 lower-case hex digits")
    if expected == 4:
        return SignatureHeader(scheme, fields[2], _signature(fields[3]))
    return SignatureHeader(scheme, fields[2], _shared_signature(fields[3]), _place(fields))


def _place(fields: list[str]) -> BatchPlace:
    size, index = _count(fields[4], "batch size"), _count(fields[5], "index")
    if not 0 <= index < size <= MAX_BATCH:
        raise _malformed(f"leaf {index} of {size} is no place in a batch of 1 to {MAX_BATCH} events")
    root, path = _shared_root(fields[6]), _bytes(fields[7], "path")
    if len(path) % HASH_BYTES:
        raise _malformed(f"the path has {len(path)} bytes, not a multiple of {HASH_BYTES}")
    return BatchPlace(size, index, root, path)


def _signature(text: str) -> bytes:
    signature = _bytes(text, "signature")
    if len(signature) != SIGNATURE_BYTES:
        raise _malformed(f"the signature has {len(signature)} bytes, not {SIGNATURE_BYTES}")
    return signature


@lru_cache(maxsize=1_024)
def _shared_signature(text: str) -> bytes:
    """The signature of a batch, which up to 256 messages repeat; only good ones are remembered."""
    return _signature(text)


@lru_cache(maxsize=1_024)
def _shared_root(text: str) -> bytes:
    root = _bytes(text, "root")
    if len(root) != HASH_BYTES:
        raise _malformed(f"the root has {len(root)} bytes, not {HASH_BYTES}")
    return root


@lru_cache(maxsize=1_024)
def _count(text: str, name: str) -> int:
    if not _COUNT.fullmatch(text):  # int() alone would take "1_0", " 10" and digits of other scripts
        raise _malformed(f"the {name} is not a plain decimal number")
    return int(text)


def _bytes(text: str, name: str) -> bytes:
    try:
        value = a2b_base64(text)
    except Error:
        raise _malformed(f"the {name} is not base64") from None
    if _base64(value) != text:  # decoders skip strangers and ignore loose bits; writing it back does not
        raise _malformed(f"the {name} is not canonical padded base64")
    return value


def _base64(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode("ascii")


def _malformed(detail: str) -> Refusal:
    return _refuse(Reason.MALFORMED_SIGNATURE, f"The signature header cannot be read: {detail}.")


def _refuse(reason: Reason, detail: str) -> Refusal:
    return Refusal(
        reason, detail, f"header:{SIGNATURE_HEADER}", "The signing specification shows every field."
    )
