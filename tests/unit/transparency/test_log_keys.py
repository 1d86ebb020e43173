"""Further keys of a log: ML-DSA-44 beside Ed25519 on its checkpoints, and the announcement of a key."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.transparency.domain.announcement import Announcement
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.keys import Cosigner, LogSigner, QuantumSafeCosigner, SignatureType
from services.transparency.domain.note import BadSignature, Note, signed_note
from services.transparency.domain.policy import Policy
from services.transparency.domain.witnessing import AddCheckpoint, Refused
from services.transparency.key_file import add_key, drop_key, make_key, new_ed25519, new_mldsa44, read_keys

ORIGIN = "log.example/lianyun"
TEXT = Checkpoint(ORIGIN, 5, bytes(range(32))).text


def seeded(name: str) -> SigningKey:
    return SigningKey.from_seed(Scheme.ED25519, sha256(name.encode()).digest())


LOG, NEXT = LogSigner(ORIGIN, seeded("log")), LogSigner(ORIGIN, seeded("next"))
QUANTUM = QuantumSafeCosigner(ORIGIN, sha256(b"quantum").digest())
BOTH = signed_note(TEXT, [LOG, QUANTUM], 1_790_000_000)


def policy(*lines: str, quorum: str = "none") -> Policy:
    return Policy.parse("\n".join([*lines, f"quorum {quorum}"]).encode())


OLD = policy(f"log {LOG.verifier}")
SAFE = policy(f"log {QUANTUM.verifier}")
EACH = policy(f"log {LOG.verifier}", f"witness log {QUANTUM.verifier}", quorum="log")
"""A policy that asks for both signatures: the log's own in ML-DSA-44 is a cosignature like any other."""


def without(note: Note, place: int) -> Note:
    return Note(note.text, tuple(each for at, each in enumerate(note.signatures) if at != place))


def flipped(note: Note, place: int) -> Note:
    bad = note.signatures[place]
    bad = bad._replace(payload=bad.payload[:-1] + bytes([bad.payload[-1] ^ 1]))
    return Note(note.text, (*note.signatures[:place], bad, *note.signatures[place + 1 :]))


def test_keys_follow_from_their_seed_as_in_nists_example() -> None:
    """ML-DSA-keyGen-FIPS204 of NIST's ACVP, ML-DSA-44, the first case: the public key, by its digest."""
    seed = bytes.fromhex("4BE7A01A99A5E5BCFE3C06785D8E4EC664082227D86704E9E44862623A05C8B3")
    key = QuantumSafeCosigner(ORIGIN, seed).verifier
    assert (
        key.raw.hex().upper().startswith("ADB0B33464816091F2A95977C67F085FDC24B37854D4DB0A577AE9401E408148")
    )
    assert (
        key.raw.hex()
        .upper()
        .endswith("6BBB3679F249B7A2EF79FE70441C03FE0B541016DA53AEDC40CB69A4C952CD075A89D5032380E4A1C3")
    )
    assert sha256(key.raw).hexdigest() == "a140495fe1cbeb25d30ecf194ee2823dde1b76bbcbdea8cac50c6365f6803060"


def test_a_reader_verifies_what_its_policy_names_and_ignores_the_rest() -> None:
    for trust in (OLD, SAFE, EACH):
        assert trust.log_signed(BOTH).size == 5
    assert EACH.trusted(BOTH).witnesses == {"log": 1_790_000_000}
    OLD.log_signed(flipped(BOTH, 1))  # a line of a key that the policy does not name
    for trust, note in ((SAFE, flipped(BOTH, 1)), (EACH, flipped(BOTH, 1)), (OLD, flipped(BOTH, 0))):
        with pytest.raises(BadSignature, match="does not verify"):
            trust.trusted(note)
    with pytest.raises(BadSignature):
        SAFE.log_signed(without(BOTH, 1))
    with pytest.raises(BadSignature, match="quorum"):
        EACH.trusted(without(BOTH, 1))
    OLD.trusted(without(BOTH, 1))


def test_a_line_of_another_name_or_tree_is_none_of_this_log() -> None:
    other = QuantumSafeCosigner("other.example", sha256(b"quantum").digest())
    assert other.verifier.raw == QUANTUM.verifier.raw
    note = signed_note(TEXT, [other], 1)
    with pytest.raises(BadSignature):
        SAFE.log_signed(note)
    forged = note.signatures[0]._replace(name=ORIGIN, key_id=QUANTUM.verifier.id)
    with pytest.raises(BadSignature, match="does not verify"):
        SAFE.log_signed(Note(TEXT, (forged,)))
    moved = Note(Checkpoint(ORIGIN, 6, bytes(range(32))).text, BOTH.signatures[1:])
    with pytest.raises(BadSignature, match="does not verify"):
        SAFE.log_signed(moved)
    with pytest.raises(Malformed, match="does not sign as this line needs"):
        policy(f"log {Cosigner(ORIGIN, seeded('witness')).verifier}")


def test_a_witness_takes_any_key_that_it_knows_of_the_log() -> None:
    request = AddCheckpoint.of(0, (), signed_note(TEXT, [LOG, NEXT, QUANTUM], 1))
    for known in ([LOG], [NEXT], [QUANTUM], [LOG, QUANTUM]):
        request.require_signed({ORIGIN: [each.verifier for each in known]})
    alone = AddCheckpoint.of(0, (), signed_note(TEXT, [NEXT], 1))
    with pytest.raises(Refused, match="403"):
        alone.require_signed({ORIGIN: [LOG.verifier]})


def test_a_receipt_carries_the_lines_that_its_policy_names() -> None:
    assert OLD.lines_of(BOTH) == without(BOTH, 1)
    assert EACH.lines_of(BOTH) == BOTH
    assert policy(f"log {NEXT.verifier}").lines_of(BOTH) == BOTH
    sizes = [len(each.line.encode()) for each in BOTH.signatures]
    assert sizes[1] == len(ORIGIN) + 3250, "bytes, of which a receipt of 4,096 has no room"


def test_a_key_is_announced_by_one_that_is_known_and_by_nobody_else() -> None:
    for key, until in ((NEXT, 1_800_000_000), (QUANTUM, None)):
        announced = Announcement(key.verifier, until)
        note = Note.parse(str(signed_note(announced.text, [LOG], 0)).encode())
        assert Announcement.verified(note, OLD) == announced
        with pytest.raises(Malformed):
            Checkpoint.parse(note.text)
        for unknown in (
            policy(f"log {NEXT.verifier}"),
            SAFE,
            policy(f"log {LogSigner('other', seeded('log')).verifier}"),
        ):
            with pytest.raises(BadSignature):
                Announcement.verified(note, unknown)
    with pytest.raises(Malformed):
        Announcement.verified(BOTH, OLD)
    witness = Announcement(Cosigner(ORIGIN, seeded("witness")).verifier, None)
    with pytest.raises(Malformed, match="of a witness"):
        Announcement.verified(signed_note(witness.text, [LOG], 0), OLD)


def test_a_key_file_takes_further_keys_and_gives_them_up(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    own = make_key(path, ORIGIN)
    after, quantum = add_key(path, new_ed25519()), add_key(path, new_mldsa44())
    held = [each.verifier for each in read_keys(path)]
    assert held == [own.verifier, after.verifier, quantum.verifier]
    assert [each.type for each in held[1:]] == [SignatureType.ED25519, SignatureType.COSIGNATURE_MLDSA44]
    assert path.stat().st_mode & 0o777 == 0o600
    drop_key(path, own.verifier)
    assert [each.verifier for each in read_keys(path)] == [after.verifier, quantum.verifier]
    drop_key(path, quantum.verifier)
    assert json.loads(path.read_text()).keys() == {"origin", "seed"}
