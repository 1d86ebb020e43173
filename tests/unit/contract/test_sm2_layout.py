"""The reserved layout of sm2-sm3 against the standard's own example: GB/T 32918.5-2017, annex A.2 (GM/T 0003.5), on sm2p256v1.

No signer or verifier is built in; what is computed here is the standard's verification, to hold the published layout to it.
"""

from __future__ import annotations

import hashlib

import pytest

from schemas.schemes import SIGNATURE_BYTES, PublicKey, Scheme

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
Point = tuple[int, int] | None

MESSAGE, USER = b"message digest", b"1234567812345678"
PRIVATE = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
PUBLIC = bytes.fromhex(
    "04"
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
Z = "B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3"
E = 0xF0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640
K = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)


def plus(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P) if one == other else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def times(scalar: int, point: Point) -> Point:
    found: Point = None
    for bit in bin(scalar)[2:]:
        found = plus(found, found)
        if bit == "1":
            found = plus(found, point)
    return found


def sm3(*parts: bytes) -> bytes:
    try:
        return hashlib.new("sm3", b"".join(parts)).digest()
    except ValueError:
        pytest.skip("NOT RUN: this Python's OpenSSL has no SM3")


def digest(public: bytes, message: bytes) -> int:
    """e of the standard: the message behind the user, the curve and the key."""
    curve = b"".join(each.to_bytes(32) for each in (A, B, *G))
    z = sm3((len(USER) * 8).to_bytes(2), USER, curve, public[1:])
    assert z.hex().upper() == Z
    return int.from_bytes(sm3(z, message))


def verified(public: bytes, signature: bytes, message: bytes) -> bool:
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N and t):
        return False
    found = plus(times(s, G), times(t, (int.from_bytes(public[1:33]), int.from_bytes(public[33:]))))
    return found is not None and (digest(public, message) + found[0]) % N == r


def test_the_layout_holds_the_standards_example() -> None:
    """Public key 0x04, x, y; signature r then s; user id 1234567812345678."""
    assert PublicKey(Scheme.SM2_SM3, PUBLIC).raw == PUBLIC
    assert len(SIGNATURE) == SIGNATURE_BYTES
    assert times(N, G) is None
    own = times(PRIVATE, G)
    assert own is not None
    assert b"\x04" + own[0].to_bytes(32) + own[1].to_bytes(32) == PUBLIC
    assert digest(PUBLIC, MESSAGE) == E
    assert verified(PUBLIC, SIGNATURE, MESSAGE)
    at = times(K, G)
    assert at is not None
    r = (E + at[0]) % N
    s = pow(1 + PRIVATE, -1, N) * (K - r * PRIVATE) % N
    assert r.to_bytes(32) + s.to_bytes(32) == SIGNATURE


def test_no_other_message_or_signature_verifies() -> None:
    assert not verified(PUBLIC, SIGNATURE, MESSAGE + b".")
    for place in (0, 31, 32, 63):
        changed = bytearray(SIGNATURE)
        changed[place] ^= 1
        assert not verified(PUBLIC, bytes(changed), MESSAGE)
