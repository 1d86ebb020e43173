"""Answers that the platform signs, of which fields can be withheld: SD-JWT (RFC 9901), compact, under an Ed25519 key.

Each field that may be withheld stands in the signed payload as the digest of a salted disclosure; whoever holds the answer leaves
disclosures out, and the rest still verifies.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

import orjson

from schemas.schemes import PublicKey
from schemas.signing_key import PrivateKey
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.note import BadSignature

TYPE: Final = "lianyun-answer+sd-jwt"
_SALT_BYTES: Final = 16
_SD, _SD_ALG, _MORE = "_sd", "_sd_alg", "..."


def issue(key: PrivateKey, shown: Mapping[str, Any], selective: Mapping[str, Any], secret: bytes) -> str:
    """The answer with all of its fields; those of ``selective`` can be withheld. Equal arguments give equal text.

    Salts are derived from ``secret``, which nobody who may see the answer knows, and from what is answered.
    """
    plain = orjson.dumps([dict(shown), dict(selective)], option=orjson.OPT_SORT_KEYS)
    disclosures = []
    for name, value in selective.items():
        salt = hmac.digest(secret, name.encode() + b"\n" + plain, "sha256")[:_SALT_BYTES]
        disclosures.append(_encoded(orjson.dumps([_encoded(salt), name, value])))
    payload = {**shown, _SD_ALG: "sha-256", _SD: sorted(map(_digest, disclosures))}
    header = {"alg": "EdDSA", "kid": key.key_id, "typ": TYPE}
    signing = f"{_encoded(orjson.dumps(header))}.{_encoded(orjson.dumps(payload))}"
    return "~".join((f"{signing}.{_encoded(key.sign_bytes(signing.encode()))}", *disclosures, ""))


def key_of(answer: str) -> str:
    """The id of the key that an answer says it is signed by; Malformed where it is none."""
    return _header(answer.partition("~")[0])


def read(answer: str, key: PublicKey) -> dict[str, Any]:
    """The fields that an answer shows; BadSignature where ``key`` did not sign it, Malformed where it is none."""
    jws, *disclosures = _parts(answer)
    signing, _, signature = jws.rpartition(".")
    _header(jws)
    if not key.signed(_decoded(signature), signing.encode()):
        raise BadSignature(f"the answer is not signed by key {key.key_id}")
    payload = _json(signing.partition(".")[2])
    if not isinstance(payload, dict) or payload.pop(_SD_ALG, None) != "sha-256":
        raise Malformed("an answer is an object whose withheld fields are digests by sha-256")
    digests = payload.pop(_SD, None)
    if not isinstance(digests, list) or len(set(map(str, digests))) != len(digests):
        raise Malformed("the digests of an answer are a list without repetition")
    found: dict[str, Any] = payload
    for each in disclosures:
        name, value = _disclosed(each)
        if _digest(each) not in digests or name in found or name in (_SD, _SD_ALG, _MORE):
            raise BadSignature(f"the answer discloses a field {name!r} that was not signed")
        found[name] = value
        digests.remove(_digest(each))
    return found


def withheld(answer: str, names: Collection[str]) -> str:
    """The answer without the disclosures of these fields; Malformed where it discloses no such field."""
    jws, *disclosures = _parts(answer)
    known = {_disclosed(each)[0]: each for each in disclosures}
    if missing := sorted(set(names) - known.keys()):
        raise Malformed(
            f"the answer discloses no field {missing[0]!r}, but {', '.join(sorted(known)) or 'none'}"
        )
    return "~".join((jws, *(each for name, each in known.items() if name not in names), ""))


def _parts(answer: str) -> list[str]:
    *parts, last = answer.split("~")
    if last or not parts:
        raise Malformed("an answer is a JWS and disclosures, each ended by '~'")
    return parts


def _header(jws: str) -> str:
    header = _json(jws.partition(".")[0])
    known = header.get("kid") if isinstance(header, dict) else None
    if not isinstance(known, str) or header != {"alg": "EdDSA", "kid": known, "typ": TYPE}:
        raise Malformed(f"the header of an answer is that of {TYPE} under EdDSA")
    return known


def _disclosed(text: str) -> tuple[str, Any]:
    match _json(text):
        case [str(), str(name), value]:
            return name, value
    raise Malformed("a disclosure is a salt, a name and a value")


def _digest(disclosure: str) -> str:
    return _encoded(sha256(disclosure.encode()).digest())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Malformed("a part of an answer is not Base64url") from None
    if _encoded(raw) != text:
        raise Malformed("a part of an answer is not canonical Base64url")
    return raw


def _json(text: str) -> Any:
    try:
        return orjson.loads(_decoded(text))
    except orjson.JSONDecodeError:
        raise Malformed("a part of an answer is not JSON") from None


def disclosed(answer: str) -> Iterable[str]:
    """The names of the fields that an answer discloses and that can still be withheld; Malformed."""
    return [_disclosed(each)[0] for each in _parts(answer)[1:]]
